//! `cargo xtask linearize`: judges a history.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use ha_sim::linear::{Line, check};

use crate::figures::Figures;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// JSON lines: `{"op":{"call":{"append":7},"invoked":1,"returned":2,"answer":{"appended":{"epoch":1,"seq":4}}}}` and, in the journal's
    /// order, `{"journal":{"epoch":1,"seq":4,"value":7}}`.
    #[arg(long)]
    file: PathBuf,
}

pub(crate) fn run(args: &Args) -> Figures {
    let judged = read(&args.file).and_then(|lines| {
        let (mut ops, mut journal) = (Vec::new(), Vec::new());
        for line in lines {
            match line {
                Line::Op(op) => ops.push(op),
                Line::Journal(placed) => journal.push(placed),
                other => return Err(format!("{other:?} is of a later version")),
            }
        }
        check(&ops, &journal).map_err(|flaw| flaw.to_string())
    });
    match judged {
        Ok(checked) => Figures::default()
            .with("appended", checked.appended)
            .with("reads", checked.reads)
            .with("refused", checked.refused)
            .with("unknown", checked.unknown),
        Err(why) => {
            eprintln!("{}: {why}", args.file.display());
            Figures::default().violations(1)
        }
    }
}

fn read(path: &Path) -> Result<Vec<Line>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let parse = |(i, line): (usize, std::io::Result<String>)| {
        let line = line.map_err(|e| e.to_string())?;
        serde_json::from_str(&line).map_err(|e| format!("line {}: {e}", i + 1))
    };
    BufReader::new(file).lines().enumerate().map(parse).collect()
}
