//! The rules of one ignore file, of which the last that matches decides. Knows no files.

use super::lines;
use super::rule::{Candidate, Rule, RuleFault};
use super::tables::Tables;

/// Up to so many rules it is quicker to try each.
const MAX_TRIED: usize = 6;

/// So many rules may have to be tried for one path. With more, a large tree would take minutes.
const MOST_TRIED: usize = 4000;

/// See the [module](self).
#[derive(Debug)]
pub(in crate::workspace) struct RuleSet {
    rules: Box<[Rule]>,
    tables: Option<Box<Tables>>,
}

/// More rules than can be tried have nothing by which they are told apart.
#[derive(Clone, Copy, Debug)]
pub(in crate::workspace) struct TooManyAlike;

/// Rules that are read one after the other.
#[derive(Debug, Default)]
pub(in crate::workspace) struct RuleSetBuilder {
    rules: Vec<Rule>,
    is_folded: bool,
}

impl RuleSetBuilder {
    /// No rules yet; capitals are small letters to them if `is_folded`.
    pub(in crate::workspace) fn new(is_folded: bool) -> Self {
        Self { rules: Vec::new(), is_folded }
    }

    /// Adds the rules of a text, and reports the lines that match nothing.
    pub(in crate::workspace) fn add_text(
        &mut self,
        text: &[u8],
        report: &mut dyn FnMut(usize, &[u8], RuleFault),
    ) {
        for (line, rule) in lines::rules(text) {
            match Rule::parse(rule, self.is_folded) {
                Ok(rule) => self.rules.extend(rule),
                Err(fault) => report(line, rule, fault),
            }
        }
    }

    /// Adds a rule that is not a line of a file. What matches nothing is a mistake there.
    pub(in crate::workspace) fn add_rule(&mut self, rule: &str) -> Result<(), RuleFault> {
        if rule.starts_with('#') {
            return Err(RuleFault::Comment);
        }
        if has_alternatives(rule.as_bytes()) {
            return Err(RuleFault::Braces);
        }
        let parsed = Rule::parse(lines::rule(rule.as_bytes()), self.is_folded)?;
        self.rules.push(parsed.ok_or(RuleFault::Empty)?);
        Ok(())
    }

    /// Adds rules that are not known: as nobody can say what they would ignore, nothing is.
    pub(in crate::workspace) fn add_unknown(&mut self) {
        self.rules.push(Rule::nothing_is_ignored());
    }

    /// The rules, if there are any; fails when so many of them cannot be told apart that they are not
    /// known in time.
    pub(in crate::workspace) fn build_bounded(self) -> Result<Option<RuleSet>, TooManyAlike> {
        let rules = self.build();
        let tables = rules.as_ref().and_then(|rules| rules.tables.as_ref());
        match tables.is_some_and(|tables| tables.most_tried() > MOST_TRIED) {
            true => Err(TooManyAlike),
            false => Ok(rules),
        }
    }

    /// The rules, if there are any.
    pub(in crate::workspace) fn build(self) -> Option<RuleSet> {
        if self.rules.is_empty() {
            return None;
        }
        let tables = (self.rules.len() > MAX_TRIED).then(|| Box::new(Tables::of(&self.rules)));
        Some(RuleSet { rules: self.rules.into(), tables })
    }
}

impl RuleSet {
    /// Whether a path is ignored; `None` if no rule is about it.
    pub(in crate::workspace) fn verdict(&self, candidate: &Candidate<'_>) -> Option<bool> {
        let Some(tables) = &self.tables else {
            let rule = self.rules.iter().rev().find(|rule| rule.matches(candidate))?;
            return Some(!rule.is_negated);
        };
        // Numbers from one, so that none is less than any.
        let mut last = 0;
        tables.each(candidate.path, candidate.name, &mut |numbers| {
            let later = numbers.iter().rev().map(|number| *number as usize);
            let mut later = later.take_while(|number| *number >= last);
            if let Some(number) = later.find(|number| self.rules[*number].matches(candidate)) {
                last = number + 1;
            }
        });
        let rule = self.rules.get(last.checked_sub(1)?)?;
        Some(!rule.is_negated)
    }
}

/// Whether somebody took it for a glob of a shell: with `{a,b}`, or a brace that is not closed.
fn has_alternatives(rule: &[u8]) -> bool {
    let mut rest = rule;
    let (mut is_open, mut has_comma) = (false, false);
    loop {
        rest = match rest {
            [b'\\', _, rest @ ..] => rest,
            [b'}', ..] if has_comma => return true,
            [byte, rest @ ..] => {
                match byte {
                    b'{' => (is_open, has_comma) = (true, false),
                    b'}' => is_open = false,
                    b',' => has_comma |= is_open,
                    _ => {}
                }
                rest
            }
            [] => return is_open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn set(text: &str) -> RuleSet {
        let mut builder = RuleSetBuilder::new(false);
        builder.add_text(text.as_bytes(), &mut |line, _, fault| panic!("line {line}: {fault}"));
        builder.build().expect("rules")
    }

    fn verdict(set: &RuleSet, path: &str) -> Option<bool> {
        set.verdict(&Candidate::new(path.as_bytes(), false))
    }

    #[test]
    fn the_last_rule_decides_however_many_there_are() {
        for others in [0, 100] {
            let others: String = (0..others).map(|n| format!("other{n}\n/o{n}/*.x\n")).collect();
            let rules = set(&format!("*.log\n!keep.log\n{others}/d/*.log\n!/d/x*.log\n"));
            for (path, expected) in [
                ("a.log", Some(true)),
                ("keep.log", Some(false)),
                ("d/keep.log", Some(true)),
                ("d/xy.log", Some(false)),
                ("d/e/xy.log", Some(true)),
                ("a", None),
            ] {
                assert_eq!(verdict(&rules, path), expected, "{path} among {}", others.len());
            }
        }
        let mut unknown = RuleSetBuilder::default();
        unknown.add_unknown();
        assert_eq!(verdict(&unknown.build().expect("rules"), "any/thing"), Some(false));
    }

    #[test]
    fn fifty_thousand_rules_cost_no_seconds() {
        let kinds = [
            ["name", ""],
            ["/a/path", ""],
            ["*.tail", ""],
            ["d/**/x*.c", ""],
            ["**/deep", ""],
            ["h?ad", ""],
            ["[x]y*z", ""],
            ["*k", "*"],
            ["src/**/q", "*/"],
            ["?", "z*"],
            ["*.", ".*"],
            ["?*v", "?"],
        ];
        let lines: String = (0..50_000)
            .map(|n| {
                let [before, behind] = kinds[n % kinds.len()];
                format!("{before}{n}{behind}\n")
            })
            .collect();
        let began = Instant::now();
        let rules = set(&lines);
        for n in 0..100_000 {
            let path = format!("src/dir{}/deeper/file{n}.rs", n % 300);
            assert_eq!(verdict(&rules, &path), None);
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn rules_that_nothing_tells_apart_are_not_read_without_end() {
        let bounded = |count: usize| {
            let mut builder = RuleSetBuilder::new(false);
            let line = |n: usize| format!("{}[a-{}]\n", "?".repeat(n % 200), n / 200 % 64);
            let text: String = (0..count).map(line).collect();
            builder.add_text(text.as_bytes(), &mut |_, _, _| {});
            builder.build_bounded().is_ok()
        };
        assert!(bounded(MOST_TRIED) && !bounded(MOST_TRIED + 1));
    }

    #[test]
    fn rules_that_are_found_by_what_is_within_are_those_that_match() {
        let lines: String = (0..3000).map(|n| format!("*x{n}*\n!src/**/y{n}*/z\n")).collect();
        let rules = set(&lines);
        for (path, expected) in [
            ("d/ax1234b", Some(true)),
            ("d/ax1234", Some(true)),
            ("x9", Some(true)),
            ("ax", None),
            ("src/a/y2999q/z", Some(false)),
            ("src/y2999q/z", Some(false)),
            ("src/y2999q/zz", None),
        ] {
            assert_eq!(verdict(&rules, path), expected, "{path}");
        }
    }

    #[test]
    fn rules_that_are_no_lines_of_files_are_checked() {
        for (rule, fault) in [
            ("*.{js,css}", Some(RuleFault::Braces)),
            ("#x", Some(RuleFault::Comment)),
            ("/", Some(RuleFault::Empty)),
            ("[a", Some(RuleFault::UnclosedBracket)),
            ("a\\", Some(RuleFault::TrailingBackslash)),
            ("a{", Some(RuleFault::Braces)),
            ("{{x}}", None),
            ("a}", None),
            ("\\{a,b}", None),
            ("\\#x", None),
        ] {
            assert_eq!(RuleSetBuilder::default().add_rule(rule).err(), fault, "{rule}");
        }
    }
}
