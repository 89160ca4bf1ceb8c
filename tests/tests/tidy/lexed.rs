//! What one source file says: the modules it declares, what it imports, and which paths and names
//! it uses. Works on tokens, so that paths within macros count and comments and strings do not.
//! Items of tests (`#[cfg(test)]`) are left out. Knows nothing of other files.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};
use std::collections::HashSet;
use syn::UseTree;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    /// Modules that are files of their own.
    pub(crate) modules: Vec<Declared>,
    pub(crate) imports: Vec<Import>,
    pub(crate) paths: Vec<NamedPath>,
    /// Names of functions, types and so on that are defined here, at whatever depth.
    pub(crate) defined: HashSet<String>,
    /// All identifiers that are not part of an import.
    pub(crate) used: HashSet<String>,
    /// Methods that are called, with their lines.
    pub(crate) methods: Vec<(usize, String)>,
    /// What the attribute before the next module says of its file.
    file: Option<String>,
}

/// `mod name;`
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) name: String,
    /// It is there in tests only.
    pub(crate) test: bool,
    /// The file, where it is not the one that the name says: beside the file that declares it.
    pub(crate) file: Option<String>,
}

/// One name that a `use` brings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
    /// The name it has here; `*` for all.
    pub(crate) name: String,
    /// Others see it here too.
    pub(crate) public: bool,
    /// The modules of this file it stands in, outermost first.
    pub(crate) within: Vec<String>,
}

/// A path of at least two names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NamedPath {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
    pub(crate) within: Vec<String>,
}

impl Lexed {
    /// # Panics
    ///
    /// When `text` is not made of Rust's tokens; `file` is named then.
    pub(crate) fn of(file: &str, text: &str) -> Self {
        let tokens: TokenStream =
            text.parse().unwrap_or_else(|error| panic!("{file} is not Rust: {error}"));
        let mut lexed = Self::default();
        lexed.walk(tokens, &mut Vec::new());
        lexed
    }

    fn walk(&mut self, tokens: TokenStream, within: &mut Vec<String>) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = match &tokens[at] {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    self.attribute(&tokens, at, within)
                }
                TokenTree::Ident(word) if word == "use" => self.import(&tokens, at, within),
                TokenTree::Ident(word) if word == "mod" => self.module(&tokens, at, within),
                TokenTree::Ident(_) => self.path(&tokens, at, within),
                TokenTree::Group(group) => {
                    self.walk(group.stream(), within);
                    at + 1
                }
                _ => at + 1,
            };
        }
    }

    /// Skips the item below `#[cfg(test)]`, and reads other attributes as they are.
    fn attribute(&mut self, tokens: &[TokenTree], at: usize, within: &mut Vec<String>) -> usize {
        let Some(TokenTree::Group(group)) = tokens.get(at + 1) else { return at + 1 };
        if !is_cfg_test(group) {
            self.walk(group.stream(), within);
            self.file = path_attribute(group).or(self.file.take());
            return at + 2;
        }
        let mut end = at + 2;
        // A field or a variant ends with a comma; an item may have some among its generics.
        let mut item = false;
        while let Some(token) = tokens.get(end) {
            end += 1;
            let ends = match token {
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                TokenTree::Punct(punct) => {
                    punct.as_char() == ';' || punct.as_char() == ',' && !item
                }
                TokenTree::Ident(word) => {
                    item |= word == "impl" || DEFINING.iter().any(|known| word == known);
                    false
                }
                TokenTree::Literal(_) => false,
            };
            if ends {
                break;
            }
        }
        if let Some(name) = declared(&tokens[at + 2..end]) {
            let file = tokens[at + 2..end].iter().find_map(|token| match token {
                TokenTree::Group(group) => path_attribute(group),
                _ => None,
            });
            let file = file.or(self.file.take());
            self.modules.push(Declared { name, test: true, file });
        }
        end
    }

    fn import(&mut self, tokens: &[TokenTree], at: usize, within: &[String]) -> usize {
        // `impl Trait + use<'a>` is no import.
        if matches!(tokens.get(at + 1), Some(TokenTree::Punct(punct)) if punct.as_char() == '<') {
            return at + 1;
        }
        let is_end =
            |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
        let end = tokens[at..].iter().position(is_end).map_or(tokens.len(), |end| at + end + 1);
        let item: TokenStream = tokens[at..end].iter().cloned().collect();
        let Ok(item) = syn::parse2::<syn::ItemUse>(item) else { return at + 1 };
        let public = match at.checked_sub(1).map(|before| &tokens[before]) {
            Some(TokenTree::Ident(word)) => word == "pub",
            Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
            _ => false,
        };
        let first = self.imports.len();
        flatten(&item.tree, &mut Vec::new(), &mut self.imports);
        for import in &mut self.imports[first..] {
            import.public = public;
            import.within = within.to_vec();
        }
        end
    }

    fn module(&mut self, tokens: &[TokenTree], at: usize, within: &mut Vec<String>) -> usize {
        if let Some(name) = declared(&tokens[at..tokens.len().min(at + 3)]) {
            let file = self.file.take();
            self.modules.push(Declared { name, test: false, file });
            return at + 3;
        }
        let [TokenTree::Ident(name), TokenTree::Group(body), ..] = &tokens[at + 1..] else {
            return at + 1;
        };
        self.defined.insert(name.to_string());
        within.push(name.to_string());
        self.walk(body.stream(), within);
        within.pop();
        at + 3
    }

    /// The name at `at`, and those that `::` joins to it.
    fn path(&mut self, tokens: &[TokenTree], at: usize, within: &[String]) -> usize {
        let line = tokens[at].span().start().line;
        let mut path = Vec::new();
        let mut end = at;
        while let Some(TokenTree::Ident(name)) = tokens.get(end) {
            path.push(name.to_string());
            self.used.insert(name.to_string());
            end += 1;
            if !is_joined(&tokens[end..]) {
                break;
            }
            end += 2;
        }
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        if let [name] = &path[..] {
            match before {
                Some(TokenTree::Punct(punct)) if punct.as_char() == '.' => {
                    self.methods.push((line, name.clone()));
                }
                Some(TokenTree::Ident(word)) if DEFINING.iter().any(|known| word == known) => {
                    self.defined.insert(name.clone());
                }
                _ => {}
            }
        } else {
            self.paths.push(NamedPath { line, path, within: within.to_vec() });
        }
        end
    }
}

const DEFINING: [&str; 9] =
    ["fn", "struct", "enum", "union", "trait", "type", "const", "static", "mod"];

/// Whether `:: name` comes next; the single colon of a bound is none.
fn is_joined(tokens: &[TokenTree]) -> bool {
    let [TokenTree::Punct(first), TokenTree::Punct(second), TokenTree::Ident(_), ..] = tokens
    else {
        return false;
    };
    first.as_char() == ':' && first.spacing() == Spacing::Joint && second.as_char() == ':'
}

fn is_cfg_test(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// `a.rs` of `path = "a.rs"`.
fn path_attribute(attribute: &Group) -> Option<String> {
    let text = attribute.stream().to_string();
    let file = text.strip_prefix("path")?.trim_start().strip_prefix('=')?;
    Some(file.trim().trim_matches('"').to_owned())
}

/// The name in `… mod name ;`, which ends `tokens`.
fn declared(tokens: &[TokenTree]) -> Option<String> {
    let [.., TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Punct(end)] = tokens else {
        return None;
    };
    (word == "mod" && end.as_char() == ';').then(|| name.to_string())
}

fn flatten(tree: &UseTree, path: &mut Vec<String>, into: &mut Vec<Import>) {
    let (last, name, line) = match tree {
        UseTree::Path(step) => {
            path.push(step.ident.to_string());
            flatten(&step.tree, path, into);
            path.pop();
            return;
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, path, into);
            }
            return;
        }
        UseTree::Name(name) => (Some(&name.ident), &name.ident, name.ident.span()),
        UseTree::Rename(name) => (Some(&name.ident), &name.rename, name.ident.span()),
        UseTree::Glob(glob) => {
            let line = glob.star_token.spans[0].start().line;
            into.push(Import::new(line, path.clone(), "*".to_owned()));
            return;
        }
    };
    let mut full = path.clone();
    // `use a::{self}` is `use a`.
    full.extend(last.filter(|last| *last != "self").map(ToString::to_string));
    let name = if name == "self" { full.last().cloned() } else { Some(name.to_string()) };
    into.push(Import::new(line.start().line, full, name.unwrap_or_default()));
}

impl Import {
    fn new(line: usize, path: Vec<String>, name: String) -> Self {
        Self { line, path, name, public: false, within: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(text: &str) -> Vec<(String, String, bool)> {
        let lexed = Lexed::of("a.rs", text);
        let all = lexed.imports.into_iter();
        all.map(|import| (import.path.join("::"), import.name, import.public)).collect()
    }

    fn paths(text: &str) -> Vec<(usize, String)> {
        let lexed = Lexed::of("a.rs", text);
        lexed.paths.into_iter().map(|path| (path.line, path.path.join("::"))).collect()
    }

    #[test]
    fn imports_are_found_in_groups_under_other_names_and_within_functions() {
        let text = "pub use a::{self, b as c, d::*};\nfn f() { use crate::e::G; }";
        let expected = [
            ("a", "a", true),
            ("a::b", "c", true),
            ("a::d", "*", true),
            ("crate::e::G", "G", false),
        ];
        let expected =
            expected.map(|(path, name, public)| (path.to_owned(), name.to_owned(), public));
        assert_eq!(imports(text), expected);
    }

    #[test]
    fn paths_are_found_in_macros_and_not_in_comments_or_strings() {
        let text = "// crate::no::A\n/* crate::no::B /* c::d */ */\nconst S: &str = r#\"crate::no\"#;\n\
                    fn f<'a>(_: &'a str, c: char) -> bool { c == ':' && g!(\"crate::no\", crate::yes::C) }";
        assert_eq!(paths(text), [(4, "crate::yes::C".to_owned())]);
    }

    #[test]
    fn a_bound_is_no_path_and_generic_arguments_are_walked() {
        let text =
            "fn f<T: super::Known>(x: Vec<self::a::B>) -> use_it::C { x.iter().map::<d::E>() }";
        let found: Vec<_> = paths(text).into_iter().map(|(_, path)| path).collect();
        assert_eq!(found, ["super::Known", "self::a::B", "use_it::C", "d::E"]);
    }

    #[test]
    fn what_is_there_in_tests_only_is_left_out() {
        let text = "#[cfg(test)]\n#[path = \"a_tests.rs\"]\nmod tests;\n#[cfg(test)]\nmod inline { use crate::x::Y; }\n\
                    #[cfg(test)]\nuse crate::z::A;\nmod real;\nuse crate::b::C;";
        let lexed = Lexed::of("a.rs", text);
        let modules: Vec<_> = lexed.modules.iter().map(|m| (m.name.as_str(), m.test)).collect();
        assert_eq!(modules, [("tests", true), ("real", false)]);
        let files: Vec<_> = lexed.modules.iter().map(|module| module.file.as_deref()).collect();
        assert_eq!(files, [Some("a_tests.rs"), None]);
        assert_eq!(imports(text), [("crate::b::C".to_owned(), "C".to_owned(), false)]);
    }

    #[test]
    fn what_is_defined_and_which_methods_are_called_is_known() {
        let lexed = Lexed::of("a.rs", "struct A;\nimpl A { fn f(&self) { self.f().g() } }");
        assert!(lexed.defined.contains("A") && lexed.defined.contains("f"));
        assert_eq!(lexed.methods, [(2, "f".to_owned()), (2, "g".to_owned())]);
    }

    #[test]
    fn an_import_in_a_module_of_the_file_knows_where_it_stands() {
        let lexed = Lexed::of("a.rs", "mod inner { use super::A; fn f() { super::b::g() } }");
        assert_eq!(lexed.imports[0].within, ["inner"]);
        assert_eq!(lexed.paths[0].within, ["inner"]);
    }
}
