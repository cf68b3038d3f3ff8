//! Tidiness as a test: what reviewers would have to look for is looked for here, in the working tree.
//!
//! Each rule is a function from a file to complaints about it; [`each_rule_sees_what_it_forbids`] plants one violation a rule.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Lines of a file, all told.
const MOST_LINES: usize = 600;
/// Lines of a file that are neither blank nor comment.
const MOST_CODE: usize = 350;
/// The same in tests: a list of cases is read one case at a time.
const MOST_CODE_OF_TESTS: usize = 500;

/// Files that may be longer: path, lines, lines of code, why.
const LONGER: &[(&str, usize, usize, &str)] = &[
    (
        "crates/ha-core/src/driver.rs",
        600,
        450,
        "one loop owns the machine, and its arms share all of it",
    ),
    (
        "crates/ha-proto/src/feed.rs",
        600,
        380,
        "one load is one sequence of four steps, each a few lines",
    ),
    (
        "crates/ha-proto/src/journal/mod.rs",
        600,
        450,
        "one activity at a time: every question is one match over all",
    ),
    (
        "crates/ha-proto/src/node/lead.rs",
        650,
        560,
        "leading and letting go are one sequence over one queue",
    ),
    (
        "crates/ha-proto/src/node/mod.rs",
        600,
        450,
        "the machine's fields and what reaches it from outside",
    ),
    (
        "crates/ha-proto/tests/schedules.rs",
        800,
        750,
        "one schedule a rule, read one at a time",
    ),
];

/// Modules without a head of their own.
const HEADLESS: &[(&str, &str)] = &[
    (
        "crates/ha-rest/src/gate/layer.rs",
        "half of `gate`, whose head speaks for both",
    ),
    (
        "crates/ha-rest/src/gate/service.rs",
        "half of `gate`, whose head speaks for both",
    ),
];

/// Left behind by accident, each in two pieces, for this file is looked at too.
const LEFT_BEHIND: &[&str] = &[
    concat!("db", "g!("),
    concat!("tod", "o!("),
    concat!("unimpl", "emented!("),
    concat!("#[ig", "nore"),
];

/// What would give ha-proto a clock, a thread, randomness or an order that differs from run to run.
const IMPURE: &[&str] = &[
    "std::",
    "SystemTime",
    "Instant::now",
    "thread::",
    "sleep(",
    "rand::",
    "HashMap",
    "HashSet",
    "unsafe ",
];

/// Beginnings of paths that exist on one machine only, in two pieces as well.
const MACHINES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];

/// What is wrong with a file.
type Rule = fn(&Source) -> Vec<String>;

struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("_tests.rs")
    }

    /// Lines that are neither blank nor comment, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self
            .text
            .lines()
            .enumerate()
            .map(|(i, line)| (i + 1, line.trim()));
        lines.filter(|(_, line)| !line.is_empty() && !line.starts_with("//"))
    }

    /// The code up to the tests at the end of the file.
    fn code_before_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let is_module = |at: usize| {
            lines[at + 1..]
                .iter()
                .find(|l| !l.starts_with('#'))
                .is_some_and(|l| l.ends_with('{'))
        };
        let end = (0..lines.len())
            .find(|at| lines[*at] == "#[cfg(test)]" && is_module(*at))
            .unwrap_or(lines.len());
        self.code().filter(move |(number, _)| *number <= end)
    }

    fn lines_with(&self, words: &[&str]) -> Vec<String> {
        let found = |(number, line): (usize, &str)| {
            let word = words.iter().find(|word| line.contains(**word))?;
            Some(format!("{}:{number}: `{word}`", self.path))
        };
        self.code().filter_map(found).collect()
    }
}

fn too_long(s: &Source) -> Vec<String> {
    let most_code = if s.is_test() {
        MOST_CODE_OF_TESTS
    } else {
        MOST_CODE
    };
    let exception = LONGER.iter().find(|(path, ..)| *path == s.path);
    let (most_lines, most_code) =
        exception.map_or((MOST_LINES, most_code), |(_, lines, code, _)| (*lines, *code));
    let (lines, code) = (s.text.lines().count(), s.code().count());
    let complaint = format!(
        "{}: {lines} lines, {code} of code; the limit is {most_lines} and {most_code}",
        s.path
    );
    if s.is_rust() && (lines > most_lines || code > most_code) {
        vec![complaint]
    } else {
        Vec::new()
    }
}

fn left_behind(s: &Source) -> Vec<String> {
    if s.is_rust() {
        s.lines_with(LEFT_BEHIND)
    } else {
        Vec::new()
    }
}

fn no_head(s: &Source) -> Vec<String> {
    let is_excused = s.path.ends_with("_tests.rs") || HEADLESS.iter().any(|(path, _)| *path == s.path);
    let has_head = s.text.trim_start().starts_with("//!");
    if !s.is_rust() || has_head || is_excused {
        Vec::new()
    } else {
        vec![format!("{}: begins with no `//!`", s.path)]
    }
}

fn impure(s: &Source) -> Vec<String> {
    if s.is_rust() && s.path.starts_with("crates/ha-proto/src/") {
        s.lines_with(IMPURE)
    } else {
        Vec::new()
    }
}

fn unwraps(s: &Source) -> Vec<String> {
    if !s.is_rust() || s.is_test() {
        return Vec::new();
    }
    let unwraps = s
        .code_before_tests()
        .filter(|(_, line)| line.contains(".unwrap()"));
    unwraps
        .map(|(number, _)| format!("{}:{number}: say with `expect` why it cannot fail", s.path))
        .collect()
}

fn one_machine(s: &Source) -> Vec<String> {
    let lines = s.text.lines().enumerate();
    let named = lines.filter(|(_, line)| MACHINES.iter().any(|path| line.contains(path)));
    named
        .map(|(i, _)| format!("{}:{}: names a path of one machine", s.path, i + 1))
        .collect()
}

/// Every golden file is named by a test beside its folder.
fn unused_golden(s: &Source) -> Vec<String> {
    let path = Path::new(&s.path);
    let (Some(folder), Some(stem)) = (path.parent(), path.file_stem().and_then(|s| s.to_str())) else {
        return Vec::new();
    };
    if folder.file_name().is_none_or(|name| name != "golden") {
        return Vec::new();
    }
    let beside = fs::read_dir(
        root()
            .join(folder)
            .parent()
            .expect("a golden folder lies in a folder"),
    );
    let tests = beside
        .into_iter()
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    let is_used = tests
        .into_iter()
        .any(|text| text.contains("golden") && text.contains(&format!("\"{stem}\"")));
    if is_used {
        Vec::new()
    } else {
        vec![format!("{}: no test names it", s.path)]
    }
}

/// Commands, paths of the REST API and links that the documents show exist.
fn broken_promises(s: &Source) -> Vec<String> {
    if !s.path.ends_with(".md") || s.path.contains("/tests/") {
        return Vec::new();
    }
    let mut fenced = None;
    let mut broken = Vec::new();
    for (i, line) in s.text.lines().enumerate() {
        let missing = if let Some(info) = line.trim_start().strip_prefix("```") {
            fenced = if fenced.is_none() {
                Some(info == "sh")
            } else {
                None
            };
            Vec::new()
        } else if fenced == Some(true) {
            missing_command(line)
        } else if fenced.is_none() {
            missing_links(line).chain(missing_tests(line)).collect()
        } else {
            Vec::new()
        };
        broken.extend(
            missing
                .into_iter()
                .map(|what| format!("{}:{}: there is no {what}", s.path, i + 1)),
        );
    }
    broken
}

fn missing_command(line: &str) -> Vec<String> {
    let command = line.split(" # ").next().unwrap_or_default();
    let words: Vec<&str> = command.split_whitespace().collect();
    let after = |flag: &str| {
        words
            .iter()
            .position(|w| *w == flag)
            .and_then(|at| words.get(at + 1))
            .copied()
    };
    let mut missing = Vec::new();
    if let Some(package) = after("-p") {
        let homes =
            ["crates", "bins", ""].map(|home| root().join(home).join(package.trim_start_matches("ha-")));
        let named = ["crates", "bins"].map(|home| root().join(home).join(package));
        if !homes
            .iter()
            .chain(&named)
            .any(|home| home.join("Cargo.toml").exists())
        {
            missing.push(format!("package {package}"));
        }
        let example = after("--example").map(|name| format!("crates/{package}/examples/{name}.rs"));
        missing.extend(example.filter(|path| !root().join(path).exists()));
    }
    if let Some(script) = words.first().filter(|w| w.starts_with(".ci/")) {
        let mode = fs::metadata(root().join(script)).map_or(0, |m| m.permissions().mode());
        if mode & 0o111 == 0 {
            missing.push(format!("program {script}"));
        }
    }
    if let Some(path) = words
        .iter()
        .find_map(|w| w.split_once("/v1/server/"))
        .map(|(_, path)| path)
    {
        let routes = read("crates/ha-rest/src/server/mod.rs");
        let path = path
            .split('?')
            .next()
            .unwrap_or_default()
            .trim_matches(['"', '\'']);
        if !routes.contains(&format!("(\"{path}\"")) {
            missing.push(format!("resource {path}"));
        }
    }
    if let Some(at) = words.iter().position(|w| *w == "launch" || *w == "demo") {
        let cli = read("bins/ha-server/src/cli.rs");
        let options = words[at..].iter().filter_map(|w| w.strip_prefix("--"));
        let unknown = options
            .filter(|o| !cli.contains(&format!("\"{o}\"")) && !cli.contains(&format!("pub(crate) {o}:")));
        missing.extend(unknown.map(|option| format!("option --{option}")));
    }
    missing
}

/// Links to files of the repository: `](path)`.
fn missing_links(line: &str) -> impl Iterator<Item = String> {
    let targets = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next());
    let files = targets.filter(|target| !target.is_empty() && !target.contains("://"));
    files
        .filter(|target| !root().join(target).exists())
        .map(|target| format!("file {target}"))
}

/// Tests that the documents name, as `file.rs::name`.
fn missing_tests(line: &str) -> impl Iterator<Item = String> {
    let named = line
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once(".rs::"));
    let gone = named.filter(|(file, name)| !read(&format!("{file}.rs")).contains(&format!("fn {name}(")));
    gone.map(|(file, name)| format!("test {name} in {file}.rs"))
}

fn check(rule: Rule) {
    let found: Vec<_> = sources().iter().flat_map(rule).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    check(too_long);
    let excused = LONGER
        .iter()
        .map(|(path, ..)| path)
        .chain(HEADLESS.iter().map(|(path, _)| path));
    let gone: Vec<_> = excused.filter(|path| !root().join(path).exists()).collect();
    assert!(gone.is_empty(), "exceptions for files that are gone: {gone:?}");
}

#[test]
fn nothing_is_left_behind() {
    check(left_behind);
}

#[test]
fn every_module_says_what_it_is() {
    check(no_head);
}

#[test]
fn the_protocol_has_no_clock_thread_or_randomness() {
    check(impure);
    let lib = read("crates/ha-proto/src/lib.rs");
    assert!(lib.lines().any(|line| line == "#![no_std]"), "ha-proto is no_std");
    assert!(
        !lib.contains("extern crate std"),
        "and does not fetch std by the back door"
    );
    assert!(
        !read("crates/ha-proto/Cargo.toml").contains("[features]"),
        "ha-proto has no features"
    );
}

#[test]
fn what_cannot_fail_says_why() {
    check(unwraps);
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    check(one_machine);
}

#[test]
fn every_golden_file_is_used() {
    check(unused_golden);
}

#[test]
fn what_the_documents_show_exists() {
    check(broken_promises);
    let readme = read("README.md");
    for command in ["cargo run --release -p ha-server -- launch", ".ci/test"] {
        assert!(
            readme.lines().any(|line| line == command),
            "README.md shows `{command}`"
        );
    }
}

#[test]
fn each_rule_sees_what_it_forbids() {
    let source = |path: &str, text: &str| Source {
        path: path.into(),
        text: text.into(),
    };
    let planted: [(Rule, Source); 13] = [
        (
            too_long,
            source("crates/x/src/a.rs", &"fn f() {}\n".repeat(MOST_CODE + 1)),
        ),
        (
            too_long,
            source("tests/tests/a.rs", &"// Why.\n".repeat(MOST_LINES + 1)),
        ),
        (left_behind, source("tests/tests/a.rs", concat!("db", "g!(1);"))),
        (no_head, source("crates/x/src/a.rs", "use std::fs;\n")),
        (
            impure,
            source(
                "crates/ha-proto/src/a.rs",
                "let now = std::time::Instant::now();\n",
            ),
        ),
        (
            unwraps,
            source(
                "crates/x/src/a.rs",
                "#[cfg(test)]\nmod tests;\nlet x = y.unwrap();\n",
            ),
        ),
        (one_machine, source("README.md", concat!("see /wo", "rk/main\n"))),
        (
            unused_golden,
            source("crates/ha-proto/tests/golden/nobody.hex", "00\n"),
        ),
        (
            broken_promises,
            source("README.md", "```sh\ncargo run -p ha-nothing\n```\n"),
        ),
        (
            broken_promises,
            source("README.md", "```sh\nha-server launch --noSuchOption 1\n```\n"),
        ),
        (
            broken_promises,
            source(
                "README.md",
                "```sh\ncurl http://localhost:8081/v1/server/ha/nothing\n```\n",
            ),
        ),
        (
            broken_promises,
            source("README.md", "[a file](docs/nothing.md)\n"),
        ),
        (
            broken_promises,
            source("README.md", "`tests/tests/tidy.rs::no_such_test`\n"),
        ),
    ];
    for (rule, source) in planted {
        assert_eq!(rule(&source).len(), 1, "in {}:\n{}", source.path, source.text);
    }
    let tested = source(
        "crates/x/src/a.rs",
        "//! X.\nfn f() {}\n#[cfg(test)]\nmod tests {\n    x.unwrap();\n}\n",
    );
    assert!(unwraps(&tested).is_empty(), "tests may");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package lies in the workspace")
        .to_owned()
}

/// A file, or nothing if it is not there.
fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// All text of the project.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    walk(&root(), &mut found);
    assert!(
        found.iter().filter(|s| s.is_rust()).count() > 100,
        "the project is found"
    );
    found
}

fn walk(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder)
        .expect("a folder of the project can be read")
        .flatten()
    {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            let is_ours = !name.starts_with('.') && name != "target" && !name.starts_with("target-");
            if is_ours || name == ".ci" {
                walk(&path, found);
            }
        } else if !name.starts_with('.') && !name.ends_with(".lock") {
            // What is no text is none of this test's business.
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let path = path
                .strip_prefix(root())
                .expect("it lies below")
                .to_string_lossy()
                .into_owned();
            found.push(Source { path, text });
        }
    }
}
