//! Each rule left out: a patch to a copy of the protocol's sources, built, searched, and expected to be found out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A rule that is left out.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Its file's name.
    pub name: String,
    /// The rule in words.
    pub rule: String,
    /// The bounds at which the search finds what follows.
    pub run: String,
    /// What the model of the rules needs for it.
    pub there: String,
    edits: Vec<Edit>,
}

/// One place in one file: these lines become those.
#[derive(Clone, Debug)]
struct Edit {
    file: String,
    from: String,
    to: String,
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All mutants, by name.
///
/// # Errors
/// If their folder cannot be read, or one of them is no patch.
pub fn mutants() -> Result<Vec<Mutant>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mutants");
    let fail = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut all = Vec::new();
    for file in fs::read_dir(&folder).map_err(fail)? {
        let path = file.map_err(fail)?.path();
        if path.extension().is_some_and(|e| e == "patch") {
            let text = fs::read_to_string(&path).map_err(fail)?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            all.push(Mutant::parse(&name, &text)?);
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

impl Mutant {
    /// A unified diff behind three lines that say what it is. Places are found by their text, never by line numbers.
    fn parse(name: &str, text: &str) -> Result<Self, String> {
        let head = |key: &str| {
            let line = text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(": "));
            line.map(str::to_owned)
                .ok_or_else(|| format!("{name}.patch has no line `{key}: ..`"))
        };
        let (mut edits, mut file): (Vec<Edit>, _) = (Vec::new(), String::new());
        for line in text.lines() {
            if let Some(path) = line.strip_prefix("+++ b/") {
                path.clone_into(&mut file);
            } else if line.starts_with("@@") {
                let (from, to) = Default::default();
                let file = file.clone();
                edits.push(Edit { file, from, to });
            } else if let Some(edit) = edits.last_mut().filter(|_| !line.starts_with("--- ")) {
                let (mark, rest) = line.split_at(line.len().min(1));
                let mut add = |side: fn(&mut Edit) -> &mut String| {
                    side(edit).push_str(rest);
                    side(edit).push('\n');
                };
                match mark {
                    "-" => add(|e| &mut e.from),
                    "+" => add(|e| &mut e.to),
                    _ => {
                        add(|e| &mut e.from);
                        add(|e| &mut e.to);
                    }
                }
            }
        }
        Ok(Self {
            name: name.to_owned(),
            rule: head("rule")?,
            run: head("run")?,
            there: head("rules-model")?,
            edits,
        })
    }

    /// Whether each place of the patch is there, once, in the sources as they are.
    ///
    /// # Errors
    /// Which is not.
    pub fn fits(&self) -> Result<(), String> {
        self.edits
            .iter()
            .try_for_each(|edit| self.place(edit, &sources()).map(drop))
    }

    /// The text of the file that an edit changes.
    fn place(&self, edit: &Edit, root: &Path) -> Result<String, String> {
        let path = root.join(&edit.file);
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        if text.matches(&edit.from).count() == 1 {
            return Ok(text);
        }
        Err(format!(
            "{}.patch: a place in {} is not there, or not once; the code has moved on: write the patch anew",
            self.name, edit.file
        ))
    }

    /// Leaves the rule out in the sources below `root`.
    fn apply(&self, root: &Path) -> Result<(), String> {
        for edit in &self.edits {
            let (path, text) = (root.join(&edit.file), self.place(edit, root)?);
            fs::write(&path, text.replacen(&edit.from, &edit.to, 1)).map_err(|e| e.to_string())?;
        }
        Ok(())
    }
}

/// A copy of the workspace that holds the protocol and this model alone, in a folder of its own.
#[derive(Debug)]
pub struct Workshop {
    root: PathBuf,
}

/// What became of one mutant.
#[derive(Clone, Debug)]
pub struct Caught {
    /// Steps of the shortest way to a violation.
    pub steps: usize,
    /// The violation, and the steps in words.
    pub words: String,
}

impl Workshop {
    /// Sets it up in an empty folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(root: &Path) -> Result<Self, String> {
        let from = sources();
        let io = |e: std::io::Error| format!("{}: {e}", root.display());
        let manifest = fs::read_to_string(from.join("Cargo.toml")).map_err(io)?;
        let members = |line: &str| {
            if line.starts_with("members = ") {
                "members = [\"crates/ha-proto\", \"crates/ha-sim\", \"tests/model\"]".to_owned()
            } else {
                line.to_owned()
            }
        };
        let lines: Vec<_> = manifest.lines().map(members).collect();
        fs::create_dir_all(root).map_err(io)?;
        fs::write(root.join("Cargo.toml"), lines.join("\n")).map_err(io)?;
        fs::copy(from.join("Cargo.lock"), root.join("Cargo.lock")).map_err(io)?;
        // The protocol's own tests use the simulator, so that cargo wants to see its manifest.
        for part in ["tests/model", "crates/ha-sim"] {
            copy(&from.join(part), &root.join(part)).map_err(io)?;
        }
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// Builds the protocol with a rule left out, and searches until that shows.
    ///
    /// # Errors
    /// If it cannot be built, or nothing is found.
    pub fn catch(&self, mutant: &Mutant) -> Result<Caught, String> {
        let crate_of = |root: &Path| root.join("crates/ha-proto");
        copy(&crate_of(&sources()), &crate_of(&self.root)).map_err(|e| e.to_string())?;
        mutant.apply(&self.root)?;
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--release", "--offline", "-p", "ha-model"])
            .env("CARGO_TARGET_DIR", self.root.join("target"))
            // Built once more for each rule, and run for seconds.
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env_remove("RUSTFLAGS")
            .current_dir(&self.root)
            .output()
            .map_err(|e| format!("cargo: {e}"))?;
        if !built.status.success() {
            return Err(format!(
                "{} does not build:\n{}",
                mutant.name,
                String::from_utf8_lossy(&built.stderr)
            ));
        }
        let ran = Command::new(self.root.join("target/release/ha-model"))
            .args(mutant.run.split(' '))
            .arg("quiet")
            .output()
            .map_err(|e| format!("ha-model: {e}"))?;
        let words = String::from_utf8_lossy(&ran.stderr).into_owned();
        let line = words.lines().find_map(|l| l.strip_prefix("violated after "));
        let steps = line.and_then(|l| l.split(' ').next()?.parse().ok());
        match steps {
            Some(steps) => Ok(Caught { steps, words }),
            None => Err(format!(
                "without rule {} nothing is found: {}{words}",
                mutant.rule,
                String::from_utf8_lossy(&ran.stdout)
            )),
        }
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        let (source, target) = (file.path(), to.join(file.file_name()));
        if file.file_type()?.is_dir() {
            if file.file_name() != "target" {
                copy(&source, &target)?;
            }
        } else {
            fs::write(&target, fs::read(&source)?)?;
        }
    }
    Ok(())
}

/// Says which rules there are.
pub(crate) fn list() -> Result<(), String> {
    for m in mutants()? {
        println!(
            "{}: rule {}\n    {}\n    in the model of the rules: {}",
            m.name, m.rule, m.run, m.there
        );
    }
    Ok(())
}

/// Tries all, or those named.
pub(crate) fn command(names: &[String]) -> Result<bool, String> {
    let all = mutants()?;
    if let Some(unknown) = names.iter().find(|n| all.iter().all(|m| m.name != **n)) {
        return Err(format!("`{unknown}` is no mutant"));
    }
    let root = std::env::temp_dir().join(format!("ha-model-mutants-{}", std::process::id()));
    let workshop = Workshop::new(&root)?;
    let (mut caught, mut missed, began) = (0, 0, std::time::Instant::now());
    for mutant in all.iter().filter(|m| names.is_empty() || names.contains(&m.name)) {
        match workshop.catch(mutant) {
            Ok(found) => {
                caught += 1;
                eprint!("{}", found.words);
                let (name, rule, there) = (&mutant.name, &mutant.rule, &mutant.there);
                eprintln!(
                    "{name}: caught in {} steps; rule {rule}; in the model of the rules: {there}",
                    found.steps
                );
            }
            Err(why) => {
                missed += 1;
                eprintln!("{}: MISSED: {why}", mutant.name);
            }
        }
    }
    let _left_behind = fs::remove_dir_all(&root);
    println!(
        "mutants={} caught={caught} seconds={:.1} violations={missed}",
        caught + missed,
        began.elapsed().as_secs_f64()
    );
    Ok(missed == 0)
}
