//! How large a thing may be before it is taken for two: files, functions, structs, lists of
//! arguments, and folders within folders. Tests keep to it too.

use crate::finding::Finding;
use crate::tree::{SourceFile, Tree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

/// The aim is 150; past 400 ask whether two things live there.
const FILE_LINES: usize = 500;
/// The aim is what a screen shows.
const FUNCTION_LINES: usize = 100;
const FIELDS: usize = 12;
/// Without `self`.
const ARGUMENTS: usize = 6;
/// Folders between `src/` and a file.
const FOLDERS: usize = 2;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines = file.lines().count();
        if lines > FILE_LINES {
            let what = format!("the file has {lines} lines, and {FILE_LINES} at most are allowed");
            let remedy = "find the two things that live in it, and give each a file";
            findings.push(Finding::new(&file.path, lines, what, remedy));
        }
        folders(file, &mut findings);
        let syntax = syn::parse_file(&file.text)
            .unwrap_or_else(|error| panic!("{} is not Rust: {error}", file.path));
        Sizes { file, findings: &mut findings }.visit_file(&syntax);
    }
    findings
}

fn folders(file: &SourceFile, findings: &mut Vec<Finding>) {
    let Some((_, below)) = file.path.split_once("src/") else { return };
    let depth = below.matches('/').count();
    if depth > FOLDERS {
        let what = format!("the file is {depth} folders below src/, and {FOLDERS} are allowed");
        findings.push(Finding::new(&file.path, 1, what, "make the folder a room, or flatten it"));
    }
}

struct Sizes<'a> {
    file: &'a SourceFile,
    findings: &'a mut Vec<Finding>,
}

impl Sizes<'_> {
    fn function(&mut self, signature: &syn::Signature, body: Option<&syn::Block>) {
        let line = signature.fn_token.span.start().line;
        let arguments = signature.inputs.iter();
        let arguments = arguments.filter(|input| matches!(input, syn::FnArg::Typed(_))).count();
        let name = &signature.ident;
        if arguments > ARGUMENTS {
            let what = format!("`{name}` takes {arguments} arguments, and {ARGUMENTS} are allowed");
            let remedy = "group what belongs together in a struct";
            self.findings.push(Finding::new(&self.file.path, line, what, remedy));
        }
        let lines = body.map_or(0, |body| body.span().end().line + 1 - line);
        if lines > FUNCTION_LINES {
            let what = format!("`{name}` has {lines} lines, and {FUNCTION_LINES} are allowed");
            let remedy = "give its steps functions with names";
            self.findings.push(Finding::new(&self.file.path, line, what, remedy));
        }
    }

    fn fields(&mut self, name: &syn::Ident, fields: &syn::Fields) {
        if fields.len() > FIELDS {
            let what = format!("`{name}` has {} fields, and {FIELDS} are allowed", fields.len());
            let remedy = "find the parts that change together, and give each its own struct";
            let line = name.span().start().line;
            self.findings.push(Finding::new(&self.file.path, line, what, remedy));
        }
    }
}

impl<'ast> Visit<'ast> for Sizes<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, Some(&item.block));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, Some(&item.block));
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.function(&item.sig, item.default.as_ref());
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.fields(&item.ident, &item.fields);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.fields(&variant.ident, &variant.fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        crate::finding::in_lines(&check(&Tree::made_up(&[(path, text)])))
    }

    #[test]
    fn a_long_file_is_found() {
        assert_eq!(found("d/src/a.rs", &"//\n".repeat(500)), [""; 0]);
        let expected = ["501 the file has 501 lines, and 500 at most are allowed"];
        assert_eq!(found("d/src/a.rs", &"//\n".repeat(501)), expected);
    }

    #[test]
    fn a_long_function_is_found() {
        let function =
            |lines: usize| format!("\nimpl A {{ fn f() {{{} }} }}", "\n".repeat(lines - 1));
        assert_eq!(found("d/src/a.rs", &function(100)), [""; 0]);
        let expected = ["2 `f` has 101 lines, and 100 are allowed"];
        assert_eq!(found("d/src/a.rs", &function(101)), expected);
    }

    #[test]
    fn a_struct_of_many_fields_is_found() {
        let fields = |n: usize| (0..n).map(|n| format!("f{n}: u8,")).collect::<String>();
        assert_eq!(found("d/src/a.rs", &format!("struct A {{ {} }}", fields(12))), [""; 0]);
        let expected = ["1 `A` has 13 fields, and 12 are allowed"];
        assert_eq!(found("d/src/a.rs", &format!("struct A {{ {} }}", fields(13))), expected);
        let expected = ["1 `V` has 13 fields, and 12 are allowed"];
        assert_eq!(found("d/src/a.rs", &format!("enum E {{ V {{ {} }} }}", fields(13))), expected);
    }

    #[test]
    fn a_function_of_many_arguments_is_found() {
        let text = |n: usize| {
            let arguments: String = (0..n).map(|n| format!("a{n}: u8,")).collect();
            format!("trait T {{ fn f(&self, {arguments}); }}")
        };
        assert_eq!(found("d/src/a.rs", &text(6)), [""; 0]);
        assert_eq!(found("d/src/a.rs", &text(7)), ["1 `f` takes 7 arguments, and 6 are allowed"]);
    }

    #[test]
    fn a_deep_folder_is_found() {
        assert_eq!(found("d/src/a/b/c.rs", ""), [""; 0]);
        let expected = ["1 the file is 3 folders below src/, and 2 are allowed"];
        assert_eq!(found("d/src/a/b/c/d.rs", ""), expected);
    }
}
