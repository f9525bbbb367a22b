//! Options: named values with a default and a range, described once.
//!
//! Whoever uses an option describes it by an [`OptionInfo`] and looks its value up by the same. All descriptions together
//! ([`crate::describe`]) are what other languages check by.

use crate::error::{Error, Result, Value};

/// Far above any use; products with the largest boxes stay finite. The largest weight, too.
pub(crate) const LIMIT: f64 = 1e12;

/// What is said of a number from 0 to [`LIMIT`].
pub(crate) const UP_TO_LIMIT: &str = "a number from 0 to 1e12";

/// An option. A dot in a name leads into a group: `distribution.regMax`.
#[derive(Debug)]
pub struct OptionInfo {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: Values,
}

/// The values that an option may have.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// Numbers within a range.
    Number {
        /// In absence.
        default: f64,
        /// The smallest.
        least: f64,
        /// The largest.
        most: f64,
    },
    /// Even integers within a range.
    Even {
        /// In absence.
        default: usize,
        /// The smallest.
        least: usize,
        /// The largest.
        most: usize,
    },
    /// Yes or no.
    Flag {
        /// In absence.
        default: bool,
    },
    /// One of some words, the first of them in absence.
    Word(&'static [&'static str]),
    /// A column of the logits; the last one in absence.
    Column,
    /// A number for each class, from 0; where there is no such list in absence, all classes are alike.
    PerClass {
        /// The largest.
        most: f64,
    },
    /// Numbers from 0 to 1e12, at least one; none in absence.
    List,
}

/// The value of an option.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionValue {
    /// Of [`Values::Number`], [`Values::Even`] and [`Values::Column`].
    Number(f64),
    /// Of [`Values::Flag`].
    Flag(bool),
    /// Of [`Values::Word`].
    Word(String),
    /// Of [`Values::PerClass`] and [`Values::List`].
    Numbers(Vec<f64>),
}

/// Options with their values; absent ones have their default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options(Vec<(String, OptionValue)>);

impl OptionInfo {
    /// One of [`Values::Number`].
    pub(crate) const fn number(name: &'static str, default: f64, [least, most]: [f64; 2]) -> Self {
        Self { name, values: Values::Number { default, least, most } }
    }

    /// One of [`Values::Flag`].
    pub(crate) const fn flag(name: &'static str, default: bool) -> Self {
        Self { name, values: Values::Flag { default } }
    }

    /// One of [`Values::Word`].
    pub(crate) const fn word(name: &'static str, words: &'static [&'static str]) -> Self {
        Self { name, values: Values::Word(words) }
    }

    /// One of [`Values::PerClass`].
    pub(crate) const fn per_class(name: &'static str, most: f64) -> Self {
        Self { name, values: Values::PerClass { most } }
    }

    /// Refuses a value that the option may not have. `classes`: the object classes.
    fn check(&self, value: &OptionValue, classes: usize) -> Result<()> {
        let fail = |value: Value| Err(Error::Option { name: self.name, rule: self.rule(classes), value });
        match (self.values, value) {
            (Values::Number { least, most, .. }, &OptionValue::Number(n)) if !(least..=most).contains(&n) => {
                fail(Value::Number(n))
            }
            (Values::Even { least, most, .. }, &OptionValue::Number(n))
                if !(least as f64..=most as f64).contains(&n) || n % 2.0 != 0.0 =>
            {
                fail(Value::Number(n))
            }
            (Values::Column, &OptionValue::Number(n)) if !(0.0..=classes as f64).contains(&n) || n.fract() != 0.0 => {
                fail(Value::Number(n))
            }
            (Values::Word(words), OptionValue::Word(word)) if !words.contains(&word.as_str()) => {
                fail(Value::Word(word.clone()))
            }
            (Values::PerClass { .. }, OptionValue::Numbers(numbers)) if numbers.len() != classes => {
                fail(Value::Number(numbers.len() as f64))
            }
            (Values::List, OptionValue::Numbers(numbers)) if numbers.is_empty() => fail(Value::Number(0.0)),
            (Values::PerClass { .. } | Values::List, OptionValue::Numbers(numbers)) => {
                let most = if let Values::PerClass { most } = self.values { most } else { LIMIT };
                match numbers.iter().find(|n| !(0.0..=most).contains(*n)) {
                    Some(&n) => {
                        let rule = format!("a number from 0 to {}", shown(most));
                        Err(Error::Option { name: self.name, rule, value: Value::Number(n) })
                    }
                    None => Ok(()),
                }
            }
            (Values::Number { .. } | Values::Even { .. } | Values::Column, OptionValue::Number(_))
            | (Values::Flag { .. }, OptionValue::Flag(_))
            | (Values::Word(_), OptionValue::Word(_)) => Ok(()),
            _ => fail(Value::Word(format!("{value:?}"))),
        }
    }

    /// What a value must be.
    fn rule(&self, classes: usize) -> String {
        match self.values {
            Values::Number { least, most, .. } => format!("a number from {} to {}", shown(least), shown(most)),
            Values::Even { least, most, .. } => format!("an even number from {least} to {most}"),
            Values::Flag { .. } => "true or false".to_owned(),
            Values::Word(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
                words.join(" or ")
            }
            Values::Column => format!("an integer from 0 to {classes}"),
            Values::PerClass { .. } => "one weight for each class".to_owned(),
            Values::List => "one number or more".to_owned(),
        }
    }
}

impl Options {
    /// With another value for an option.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OptionValue>) -> Self {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), value.into()));
        self
    }

    /// Refuses options that are not among `known`, and values that they may not have. `classes`: the object classes.
    pub(crate) fn check(&self, known: &[&'static OptionInfo], classes: usize) -> Result<()> {
        for (name, value) in &self.0 {
            match known.iter().find(|info| info.name == name) {
                Some(info) => info.check(value, classes)?,
                None => {
                    let names: Vec<_> = known.iter().map(|info| info.name).collect();
                    let rule = format!("one of {}", names.join(", "));
                    return Err(Error::Option { name: "options", rule, value: Value::Word(name.clone()) });
                }
            }
        }
        Ok(())
    }

    /// The value of a number; NaN for a column in absence.
    pub(crate) fn number(&self, info: &OptionInfo) -> f64 {
        match (self.get(info), info.values) {
            (Some(&OptionValue::Number(n)), _) => n,
            (_, Values::Number { default, .. }) => default,
            (_, Values::Even { default, .. }) => default as f64,
            _ => f64::NAN,
        }
    }

    /// The value of a flag.
    pub(crate) fn flag(&self, info: &OptionInfo) -> bool {
        match (self.get(info), info.values) {
            (Some(&OptionValue::Flag(flag)), _) => flag,
            (_, Values::Flag { default }) => default,
            _ => false,
        }
    }

    /// The value of a word.
    pub(crate) fn word<'a>(&'a self, info: &OptionInfo) -> &'a str {
        match (self.get(info), info.values) {
            (Some(OptionValue::Word(word)), _) => word,
            (_, Values::Word(words)) => words[0],
            _ => "",
        }
    }

    /// The value of a word, where one is given.
    pub(crate) fn given_word<'a>(&'a self, info: &OptionInfo) -> Option<&'a str> {
        self.get(info).map(|_| self.word(info))
    }

    /// The numbers of a list.
    pub(crate) fn numbers(&self, info: &OptionInfo) -> Option<&[f64]> {
        match self.get(info) {
            Some(OptionValue::Numbers(numbers)) => Some(numbers),
            _ => None,
        }
    }

    fn get(&self, info: &OptionInfo) -> Option<&OptionValue> {
        self.0.iter().find(|(name, _)| name == info.name).map(|(_, value)| value)
    }
}

impl From<f64> for OptionValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for OptionValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&str> for OptionValue {
    fn from(word: &str) -> Self {
        Self::Word(word.to_owned())
    }
}

impl From<Vec<f64>> for OptionValue {
    fn from(numbers: Vec<f64>) -> Self {
        Self::Numbers(numbers)
    }
}

/// Large numbers by their powers of ten.
fn shown(n: f64) -> String {
    if n >= 1e6 { format!("{n:e}") } else { n.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: OptionInfo = OptionInfo::number("ratio", 0.5, [0.0, LIMIT]);
    const WORD: OptionInfo = OptionInfo::word("group.word", &["first", "second"]);
    const FLAG: OptionInfo = OptionInfo::flag("flag", true);
    const BINS: OptionInfo = OptionInfo { name: "bins", values: Values::Even { default: 32, least: 4, most: 1024 } };
    const WEIGHTS: OptionInfo = OptionInfo { name: "weights", values: Values::PerClass { most: LIMIT } };
    const KNOWN: [&OptionInfo; 5] = [&NUMBER, &WORD, &FLAG, &BINS, &WEIGHTS];

    #[test]
    fn options_have_their_default_in_absence() {
        let options = Options::default().with("ratio", 0.25).with("group.word", "second").with("ratio", 0.75);
        assert_eq!((options.number(&NUMBER), options.word(&WORD)), (0.75, "second"));
        assert_eq!((options.flag(&FLAG), options.number(&BINS), options.numbers(&WEIGHTS)), (true, 32.0, None));
    }

    #[test]
    fn values_outside_the_range_are_refused_with_the_range() {
        let message = |name: &str, value: OptionValue| {
            let checked = Options::default().with(name, value).check(&KNOWN, 2);
            checked.map_or_else(|error| error.to_string(), |()| String::new())
        };
        assert_eq!(message("ratio", (-1.0).into()), "ratio: must be a number from 0 to 1e12, got -1");
        assert_eq!(message("ratio", f64::NAN.into()), "ratio: must be a number from 0 to 1e12, got NaN");
        assert_eq!(message("group.word", "third".into()), "group.word: must be 'first' or 'second', got 'third'");
        assert_eq!(message("bins", 5.0.into()), "bins: must be an even number from 4 to 1024, got 5");
        assert_eq!(message("weights", vec![1.0].into()), "weights: must be one weight for each class, got 1");
        assert_eq!(message("weights", vec![1.0, -1.0].into()), "weights: must be a number from 0 to 1e12, got -1");
        assert!(message("other", 1.0.into()).starts_with("options: must be one of ratio, "));
        assert!(message("flag", 1.0.into()).starts_with("flag: must be true or false"));
        assert_eq!(message("weights", vec![1.0, 0.0].into()), "");
    }
}
