//! The modules of one crate and what refers to what: finds the file that a path leads to, through
//! re-exports. Knows nothing of rules.
//!
//! What cannot be seen without types is left out: a method that a file calls on a value it was
//! given, and names that a glob import brings.

use crate::lexed::{Import, Lexed};
use crate::tree::Tree;
use std::collections::BTreeMap;

/// A crate whose root is one file.
#[derive(Debug)]
pub(crate) struct Crate {
    /// By their path from the root, which has the empty one.
    modules: BTreeMap<Vec<String>, Module>,
}

/// One module that is a file.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) path: Vec<String>,
    pub(crate) file: String,
    /// It is compiled for tests only.
    pub(crate) test: bool,
    pub(crate) lexed: Lexed,
}

/// Where a path begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absolute {
    /// In this crate: names from its root.
    Here(Vec<String>),
    /// In another, the standard library included.
    Elsewhere(Vec<String>),
}

/// A use of something by a module, by whatever name.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) line: usize,
    pub(crate) path: Absolute,
}

/// Steps from name to name after which a path is taken to lead nowhere.
const STEPS: usize = 16;

impl Crate {
    /// Follows the declarations of modules from `root`. `None` when there is no such file.
    pub(crate) fn load(tree: &Tree, root: &str) -> Option<Self> {
        tree.get(root)?;
        let mut found = Self { modules: BTreeMap::new() };
        let (dir, _) = root.rsplit_once('/')?;
        found.add(tree, Vec::new(), root.to_owned(), dir, false);
        Some(found)
    }

    fn add(&mut self, tree: &Tree, path: Vec<String>, file: String, dir: &str, test: bool) {
        let Some(source) = tree.get(&file) else { return };
        let lexed = Lexed::of(&file, &source.text);
        for declared in &lexed.modules {
            let below = format!("{dir}/{}", declared.name);
            let beside = file.rsplit_once('/').map_or("", |(dir, _)| dir);
            let choices = match &declared.file {
                Some(file) => vec![format!("{beside}/{file}")],
                None => vec![format!("{below}.rs"), format!("{below}/mod.rs")],
            };
            let Some(child) = choices.into_iter().find(|file| tree.get(file).is_some()) else {
                continue;
            };
            let mut path = path.clone();
            path.push(declared.name.clone());
            self.add(tree, path, child, &below, test || declared.test);
        }
        self.modules.insert(path.clone(), Module { path, file, test, lexed });
    }

    /// The modules that are compiled without tests too.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &Module> {
        self.all().filter(|module| !module.test)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Module> {
        self.modules.values()
    }

    /// What `module` uses. Names that it only hands on are not among it.
    pub(crate) fn references(&self, module: &Module) -> Vec<Reference> {
        let mut found = Vec::new();
        for import in &module.lexed.imports {
            let handed_on = import.public && !module.lexed.used.contains(&import.name);
            if !handed_on {
                let path = self.absolute(module, &import.within, &import.path);
                found.push(Reference { line: import.line, path });
            }
        }
        for named in &module.lexed.paths {
            let path = self.absolute(module, &named.within, &named.path);
            found.push(Reference { line: named.line, path });
        }
        found
    }

    fn absolute(&self, module: &Module, within: &[String], path: &[String]) -> Absolute {
        self.absolute_in(module, within, path, STEPS)
    }

    fn absolute_in(
        &self,
        module: &Module,
        within: &[String],
        path: &[String],
        steps: usize,
    ) -> Absolute {
        let Some((first, rest)) = path.split_first() else { return Absolute::Here(Vec::new()) };
        if steps == 0 {
            return Absolute::Elsewhere(path.to_vec());
        }
        let mut base = [&module.path[..], within].concat();
        match first.as_str() {
            "crate" => Absolute::Here(rest.to_vec()),
            "self" => Absolute::Here([base, rest.to_vec()].concat()),
            "super" => {
                base.pop();
                let mut rest = rest;
                while let Some((first, others)) = rest.split_first()
                    && first == "super"
                {
                    base.pop();
                    rest = others;
                }
                Absolute::Here([base, rest.to_vec()].concat())
            }
            "Self" => Absolute::Here(base),
            _ => {
                if let Some(import) = imported(module, within, first)
                    && import.path != path
                {
                    let full = [&import.path[..], rest].concat();
                    return self.absolute_in(module, &import.within, &full, steps - 1);
                }
                let here = [base, path.to_vec()].concat();
                let child = [&module.path[..], std::slice::from_ref(first)].concat();
                if self.modules.contains_key(&child) || module.lexed.defined.contains(first) {
                    return Absolute::Here(here);
                }
                Absolute::Elsewhere(path.to_vec())
            }
        }
    }

    /// The module that defines what `path` names; `None` when another crate does.
    pub(crate) fn definer(&self, path: &[String]) -> Option<&Module> {
        self.definer_in(path, STEPS)
    }

    fn definer_in(&self, path: &[String], steps: usize) -> Option<&Module> {
        let mut at = self.modules.get(&Vec::new())?;
        for (index, name) in path.iter().enumerate() {
            let child = &path[..=index];
            if let Some(module) = self.modules.get(child) {
                at = module;
                continue;
            }
            if at.lexed.defined.contains(name) {
                return Some(at);
            }
            if let Some(import) = imported(at, &[], name)
                && steps > 0
            {
                let full = [&import.path[..], &path[index + 1..]].concat();
                return match self.absolute(at, &import.within, &full) {
                    Absolute::Here(path) => self.definer_in(&path, steps - 1),
                    Absolute::Elsewhere(_) => None,
                };
            }
            return Some(at);
        }
        Some(at)
    }
}

fn imported<'a>(module: &'a Module, within: &[String], name: &str) -> Option<&'a Import> {
    let mut all = module.lexed.imports.iter();
    all.find(|import| import.name == name && import.within == within)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house() -> Crate {
        let tree = Tree::made_up(&[
            ("d/src/lib.rs", "mod a;\nmod b;"),
            ("d/src/a/mod.rs", "mod deep;\npub use deep::Thing as Gift;\npub struct Own;"),
            ("d/src/a/deep.rs", "use super::Own;\npub struct Thing;"),
            (
                "d/src/b.rs",
                "use crate::a::{self, Gift};\nuse std::time::Instant;\n\
                 fn f() { a::Own::g(); Gift::new(); Instant::now(); }\n#[cfg(test)] mod tests;",
            ),
            ("d/src/b/tests.rs", "use super::f;"),
        ]);
        Crate::load(&tree, "d/src/lib.rs").expect("a crate")
    }

    fn leads(house: &Crate, from: &str) -> Vec<(usize, String)> {
        let module = house.all().find(|module| module.file == from).expect("the file");
        let references = house.references(module).into_iter();
        let mut found: Vec<_> = references
            .map(|reference| match reference.path {
                Absolute::Here(path) => {
                    let file = house.definer(&path).map(|module| module.file.clone());
                    (reference.line, file.unwrap_or_default())
                }
                Absolute::Elsewhere(path) => (reference.line, path.join("::")),
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn a_name_leads_to_the_file_that_defines_it() {
        let expected = [
            (1, "d/src/a/deep.rs"),
            (1, "d/src/a/mod.rs"),
            (2, "std::time::Instant"),
            (3, "d/src/a/deep.rs"),
            (3, "d/src/a/mod.rs"),
            (3, "std::time::Instant::now"),
        ];
        assert_eq!(leads(&house(), "d/src/b.rs"), expected.map(|(l, p)| (l, p.to_owned())));
        assert_eq!(leads(&house(), "d/src/a/deep.rs"), [(1, "d/src/a/mod.rs".to_owned())]);
    }

    #[test]
    fn what_is_only_handed_on_is_not_used() {
        assert_eq!(leads(&house(), "d/src/a/mod.rs"), []);
    }

    #[test]
    fn files_of_tests_are_known_as_such() {
        let house = house();
        let tests: Vec<_> = house.all().filter(|module| module.test).map(|m| &m.file).collect();
        assert_eq!(tests, ["d/src/b/tests.rs"]);
        assert_eq!(house.modules().count(), 4);
    }
}
