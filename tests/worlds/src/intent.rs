//! What a request is meant to do, in words beside its batch, so that checkers need not read the batch.

/// What one change of a world holds: who evaluated it, what it means, and the batch that came of it; none, if there was nothing to change.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Request {
    /// The epoch in which it was evaluated.
    pub epoch: u64,
    /// What it means.
    pub intent: Intent,
    /// The key that it came with.
    pub key: Option<String>,
    /// The answer that holds once it is durable.
    pub answer: String,
    /// The number of the batch that its evaluation saw last; 0: none that was not durable.
    pub saw: u64,
}

/// What a request is meant to do. Applications have a number, and two children each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums, missing_docs)]
pub enum Intent {
    /// Nothing: a refusal, or nobody leads.
    Nothing,
    /// The same key again: answered with the first answer.
    Retry,
    Deploy {
        application: u64,
        task: u64,
    },
    Remove {
        application: u64,
    },
    /// Both children count one further.
    Count {
        application: u64,
    },
    Accept {
        application: u64,
        task: u64,
        is_idempotent: bool,
    },
    Begin {
        task: u64,
    },
    Done {
        task: u64,
    },
    Interrupted {
        task: u64,
    },
    Forget {
        task: u64,
    },
}

impl Request {
    /// In words, ended by a line's end, with the batch behind.
    #[must_use]
    pub fn encode(&self, batch: &[u8]) -> Vec<u8> {
        let (word, a, b, c) = self.intent.words();
        let (key, answer) = (self.key.as_deref().unwrap_or("-"), &self.answer);
        let head = format!("{} {word} {a} {b} {c} {key} {} {answer}\n", self.epoch, self.saw);
        [head.as_bytes(), batch].concat()
    }

    /// What [`encode`](Self::encode) wrote.
    ///
    /// # Panics
    /// If it is not that.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> (Self, &[u8]) {
        let end = bytes
            .iter()
            .position(|b| *b == b'\n')
            .expect("a request has a head");
        let head = std::str::from_utf8(&bytes[..end]).expect("a head is words");
        let words: Vec<&str> = head.splitn(8, ' ').collect();
        let [epoch, word, a, b, c, key, saw, answer] = words[..] else {
            panic!("a head has eight words: {head}");
        };
        let number = |word: &str| word.parse().expect("a number");
        let request = Self {
            epoch: number(epoch),
            intent: Intent::of(word, number(a), number(b), number(c)),
            key: (key != "-").then(|| key.to_owned()),
            answer: answer.to_owned(),
            saw: number(saw),
        };
        (request, &bytes[end + 1..])
    }
}

impl Intent {
    fn words(self) -> (&'static str, u64, u64, u64) {
        match self {
            Self::Nothing => ("nothing", 0, 0, 0),
            Self::Retry => ("retry", 0, 0, 0),
            Self::Deploy { application, task } => ("deploy", application, task, 0),
            Self::Remove { application } => ("remove", application, 0, 0),
            Self::Count { application } => ("count", application, 0, 0),
            Self::Accept {
                application,
                task,
                is_idempotent,
            } => ("accept", application, task, is_idempotent.into()),
            Self::Begin { task } => ("begin", task, 0, 0),
            Self::Done { task } => ("done", task, 0, 0),
            Self::Interrupted { task } => ("interrupted", task, 0, 0),
            Self::Forget { task } => ("forget", task, 0, 0),
        }
    }

    fn of(word: &str, a: u64, b: u64, c: u64) -> Self {
        match word {
            "nothing" => Self::Nothing,
            "retry" => Self::Retry,
            "deploy" => Self::Deploy {
                application: a,
                task: b,
            },
            "remove" => Self::Remove { application: a },
            "count" => Self::Count { application: a },
            "accept" => Self::Accept {
                application: a,
                task: b,
                is_idempotent: c == 1,
            },
            "begin" => Self::Begin { task: a },
            "done" => Self::Done { task: a },
            "interrupted" => Self::Interrupted { task: a },
            "forget" => Self::Forget { task: a },
            other => panic!("no intent is called {other}"),
        }
    }
}
