//! Figures, and the table that shows them.

// Each bench uses another part of it.
#![allow(dead_code)]

use std::fmt;
use std::time::Duration;

/// A quantity in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    Ms(f64),
    /// Microseconds.
    Us(f64),
    Mb(f64),
    PerSecond(f64),
    Count(f64),
}

impl Figure {
    fn value(self) -> f64 {
        match self {
            Self::Ms(value)
            | Self::Us(value)
            | Self::Mb(value)
            | Self::PerSecond(value)
            | Self::Count(value) => value,
        }
    }
}

impl From<Duration> for Figure {
    fn from(duration: Duration) -> Self {
        Self::Ms(ms(duration))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match *self {
            Self::Ms(value) if value >= 10_000.0 => format!("{:.1} s", value / 1000.0),
            Self::Ms(value) if value < 10.0 => format!("{value:.1} ms"),
            Self::Ms(value) => format!("{value:.0} ms"),
            Self::Us(value) => format!("{value:.0} µs"),
            Self::Mb(value) => format!("{value:.0} MB"),
            Self::PerSecond(value) => format!("{value:.0} /s"),
            Self::Count(value) => format!("{value:.0}"),
        };
        f.pad(&text)
    }
}

pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// What is promised.
#[derive(Clone, Copy)]
enum Goal {
    RatioAtMost(f64),
    RatioAtLeast(f64),
    Below(Figure),
    NoMoreThan(Figure),
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Self::RatioAtMost(most) => format!("≤ {most} ×"),
            Self::RatioAtLeast(least) => format!("≥ {least} ×"),
            Self::Below(figure) => format!("< {figure}"),
            Self::NoMoreThan(figure) => format!("≤ {figure}"),
        })
    }
}

/// One line of the table.
pub struct Row {
    what: String,
    figure: Figure,
    against: Option<(String, Figure)>,
    goal: Option<Goal>,
}

impl Row {
    /// The baseline, measured in the same run.
    pub fn against(&mut self, name: &str, figure: impl Into<Figure>) -> &mut Self {
        self.against = Some((name.to_owned(), figure.into()));
        self
    }

    pub fn at_most(&mut self, ratio: f64) -> &mut Self {
        self.goal = Some(Goal::RatioAtMost(ratio));
        self
    }

    pub fn at_least(&mut self, ratio: f64) -> &mut Self {
        self.goal = Some(Goal::RatioAtLeast(ratio));
        self
    }

    pub fn below(&mut self, figure: Figure) -> &mut Self {
        self.goal = Some(Goal::Below(figure));
        self
    }

    pub fn no_more_than(&mut self, figure: Figure) -> &mut Self {
        self.goal = Some(Goal::NoMoreThan(figure));
        self
    }

    fn ratio(&self) -> Option<f64> {
        let (_, baseline) = self.against.as_ref()?;
        // Next to nothing there is no ratio.
        (baseline.value() != 0.0).then(|| self.figure.value() / baseline.value())
    }

    fn met(&self) -> Option<bool> {
        Some(match self.goal? {
            Goal::RatioAtMost(most) => self.ratio()? <= most,
            Goal::RatioAtLeast(least) => self.ratio()? >= least,
            Goal::Below(figure) => self.figure.value() < figure.value(),
            Goal::NoMoreThan(figure) => self.figure.value() <= figure.value(),
        })
    }

    fn cells(&self) -> [String; 6] {
        let (figure, name) = match &self.against {
            Some((name, figure)) => (figure.to_string(), name.clone()),
            None => (String::new(), String::new()),
        };
        [
            self.what.clone(),
            self.figure.to_string(),
            self.ratio()
                .map_or_else(String::new, |ratio| format!("{ratio:.2} ×")),
            if name.is_empty() {
                name
            } else {
                format!("{figure} {name}")
            },
            self.goal.map_or_else(String::new, |goal| goal.to_string()),
            match self.met() {
                Some(true) => "met".to_owned(),
                Some(false) => "MISSED".to_owned(),
                None => String::new(),
            },
        ]
    }
}

/// What one subject came to.
pub struct Section {
    title: String,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Section {
    pub fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub fn row(&mut self, what: &str, figure: impl Into<Figure>) -> &mut Row {
        let row = Row {
            what: what.to_owned(),
            figure: figure.into(),
            against: None,
            goal: None,
        };
        self.rows.push(row);
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }

    /// A line below the table: how much the figures scattered, what they were made with.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub fn print(&self) {
        let header = ["", "measured", "ratio", "baseline", "goal", ""].map(str::to_owned);
        let lines: Vec<_> = std::iter::once(header)
            .chain(self.rows.iter().map(Row::cells))
            .collect();
        let widths: [usize; 6] = std::array::from_fn(|column| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or_default()
        });
        println!("\n{}", self.title);
        for [what, figure, ratio, baseline, goal, met] in &lines {
            let [w_what, w_figure, w_ratio, w_baseline, w_goal, _] = widths;
            let line = format!(
                "  {what:w_what$}  {figure:>w_figure$}  {ratio:>w_ratio$}  {baseline:w_baseline$}  {goal:w_goal$}  {met}",
            );
            println!("{}", line.trim_end());
        }
        for note in &self.notes {
            println!("  · {note}");
        }
    }
}

/// Repeated measurements of one thing.
#[derive(Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        }
    }

    pub fn least(&self) -> f64 {
        self.sorted()[0]
    }

    pub fn most(&self) -> f64 {
        self.sorted()[self.0.len() - 1]
    }

    /// From the least to the most, in words.
    pub fn spread(&self, unit: impl Fn(f64) -> Figure) -> String {
        format!("{} to {}", unit(self.least()), unit(self.most()))
    }

    fn sorted(&self) -> Vec<f64> {
        assert!(!self.0.is_empty(), "nothing was measured");
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl From<Vec<f64>> for Samples {
    fn from(values: Vec<f64>) -> Self {
        Self(values)
    }
}

/// Tells on standard error what goes on: a run takes minutes.
pub fn say(text: &str) {
    eprintln!("  {text}");
}
