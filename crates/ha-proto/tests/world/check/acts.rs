//! I4: at most one process acts on the world at any real time.

#[derive(Clone, Debug, Default)]
pub struct Acts {
    under_way: Option<((usize, u64), u64)>,
    pub begun: u64,
}

impl Acts {
    pub fn begin(&mut self, who: (usize, u64), epoch: u64) {
        if let Some((other, of)) = self.under_way {
            panic!("I4: {who:?} acts under epoch {epoch}, and {other:?} does under epoch {of}");
        }
        self.under_way = Some((who, epoch));
        self.begun += 1;
    }

    pub fn end(&mut self, who: (usize, u64)) {
        assert_eq!(
            self.under_way.take().map(|(w, _)| w),
            Some(who),
            "the act that ends had begun"
        );
    }

    pub fn by(&self, who: (usize, u64)) -> bool {
        self.under_way.is_some_and(|(w, _)| w == who)
    }
}
