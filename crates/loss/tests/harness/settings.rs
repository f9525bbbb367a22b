//! A configuration that tests can read: options by name, with the defaults that the library describes.

use hungarian_loss::{Config, OptionValue, Options, Values, Weights, describe, terms};

use super::reference::{Terms, classes, of};
use super::test_support::Random;

/// What a criterion is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The kind of classification.
    pub kind: &'static str,
    /// Object classes.
    pub classes: usize,
    pub cost: Weights,
    pub weights: Weights,
    options: Vec<(&'static str, OptionValue)>,
}

impl Settings {
    /// With all options as they are in absence, and without any weight.
    pub fn new(kind: &'static str, classes: usize) -> Self {
        Self { kind, classes, cost: Weights::default(), weights: Weights::default(), options: Vec::new() }
    }

    /// The same weights for cost and loss, but for those that the cost may not have.
    pub fn weighted(self, weights: &[(&str, f64)]) -> Self {
        let in_cost = |&&(name, _): &&(&str, f64)| terms().any(|term| term.name == name && term.in_cost);
        let cost: Vec<_> = weights.iter().filter(in_cost).copied().collect();
        Self { cost: Weights::of(&cost), weights: Weights::of(weights), ..self }
    }

    /// Random ones for queries with the fields of these families.
    pub fn random(random: &mut Random, classes: usize, families: &[&str]) -> Self {
        let has_quality = families.iter().any(|name| match of(name).terms() {
            Terms::Pair(pair) => pair.has_quality(),
            Terms::Late(_) | Terms::Image(_) => false,
        });
        let kinds = classes::kinds(has_quality);
        let mut settings = Self::new(kinds[random.below(kinds.len())], classes);
        settings = classes::options(random, settings, has_quality);
        settings = settings.with("normalization", NORMALIZATIONS[random.below(4)]);
        for family in families {
            if random.below(4) > 0 {
                continue;
            }
            let own = describe().families.iter().find(|known| known.name == *family).expect("a family").options;
            let name = own.iter().find(|info| info.name.strip_prefix("normalization.") == Some(*family));
            let Some(name) = name else { continue }; // what divides it is fixed
            settings = settings.with(name.name, NORMALIZATIONS[random.below(4)]);
        }
        for family in families {
            settings = of(family).options(random, settings);
        }
        settings.cost = random_weights(random, families, settings.is_sigmoid(), true);
        settings.weights = random_weights(random, families, settings.is_sigmoid(), false);
        settings
    }

    /// With another value for an option.
    pub fn with(mut self, name: &'static str, value: impl Into<OptionValue>) -> Self {
        self.options.retain(|(known, _)| *known != name);
        self.options.push((name, value.into()));
        self
    }

    /// As the library takes it.
    pub fn config(&self) -> Config {
        let kind = Options::default().with("classification.kind", self.kind);
        let options = self.options.iter().fold(kind, |options, (name, value)| options.with(name, value.clone()));
        Config { num_classes: self.classes, cost: self.cost, weights: self.weights, options }
    }

    pub fn number(&self, name: &str) -> f64 {
        match (self.get(name), self.described(name)) {
            (Some(&OptionValue::Number(number)), _) | (None, Values::Number { default: number, .. }) => number,
            (None, Values::Even { default, .. }) => default as f64,
            (None, Values::Column) => self.classes as f64,
            other => panic!("{name} is no number: {other:?}"),
        }
    }

    pub fn flag(&self, name: &str) -> bool {
        match (self.get(name), self.described(name)) {
            (Some(&OptionValue::Flag(flag)), _) | (None, Values::Flag { default: flag }) => flag,
            other => panic!("{name} is no flag: {other:?}"),
        }
    }

    pub fn word(&self, name: &str) -> &str {
        match (self.get(name), self.described(name)) {
            (Some(OptionValue::Word(word)), _) => word,
            (None, Values::Word(words)) => words[0],
            other => panic!("{name} is no word: {other:?}"),
        }
    }

    /// A word, where it is given.
    pub fn given_word(&self, name: &str) -> Option<&str> {
        self.get(name).map(|_| self.word(name))
    }

    /// The numbers of a list, where they are given.
    pub fn numbers(&self, name: &str) -> Option<&[f64]> {
        match self.get(name) {
            None => None,
            Some(OptionValue::Numbers(numbers)) => Some(numbers),
            other => panic!("{name} is no list: {other:?}"),
        }
    }

    /// What the terms of a family are divided by.
    pub fn normalization(&self, family: &str) -> &str {
        let own = self.options.iter().find(|(name, _)| name.strip_prefix("normalization.") == Some(family));
        match own {
            Some((_, OptionValue::Word(word))) => word,
            _ => self.word("normalization"),
        }
    }

    pub fn is_sigmoid(&self) -> bool {
        describe().kinds.iter().any(|kind| kind.name == self.kind && kind.is_sigmoid)
    }

    /// The column of no-object, which softmax has.
    pub fn no_object(&self) -> Option<usize> {
        (!self.is_sigmoid()).then(|| self.number("classification.noObjectIndex") as usize)
    }

    /// Columns of the logits.
    pub fn columns(&self) -> usize {
        self.classes + usize::from(!self.is_sigmoid())
    }

    /// Columns of the logits where they are those of the first class alone.
    pub fn narrow_columns(&self) -> usize {
        self.columns() - self.classes + 1
    }

    /// What they mean to logits that have only some of the columns, with softmax that of no-object among them.
    pub fn restricted(&self, columns: &[usize]) -> Self {
        if columns.len() == self.columns() {
            return self.clone();
        }
        let no_object = self.no_object();
        let classes: Vec<usize> = columns.iter().copied().filter(|&column| Some(column) != no_object).collect();
        let mut restricted = Self { classes: classes.len(), ..self.clone() };
        if let Some(index) = no_object {
            let place = columns.iter().position(|&column| column == index).expect("it is there");
            restricted = restricted.with("classification.noObjectIndex", place as f64);
        }
        let class = |column: usize| column - usize::from(no_object.is_some_and(|index| column > index));
        for name in ["classification.classWeights", "classification.classAlpha"] {
            if let Some(OptionValue::Numbers(all)) = self.get(name) {
                let own: Vec<f64> = classes.iter().map(|&column| all[class(column)]).collect();
                restricted = restricted.with(name, own);
            }
        }
        restricted
    }

    /// What they mean to logits with the columns of the first class alone.
    pub fn narrow(&self) -> Self {
        let mut narrow = Self { classes: 1, ..self.clone() };
        if let Some(index) = self.no_object() {
            narrow = narrow.with("classification.noObjectIndex", index.min(1) as f64);
        }
        for name in ["classification.classWeights", "classification.classAlpha"] {
            if let Some(of_classes) = self.numbers(name) {
                narrow = narrow.with(name, vec![of_classes[0]]);
            }
        }
        narrow
    }

    fn get(&self, name: &str) -> Option<&OptionValue> {
        self.options.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn described(&self, name: &str) -> Values {
        let all = describe();
        let of_kind = all.kinds.iter().filter(|kind| kind.name == self.kind).flat_map(|kind| kind.options);
        let mut known = of_kind.chain(all.families.iter().flat_map(|family| family.options)).chain(all.options);
        known.find(|info| info.name == name).unwrap_or_else(|| panic!("there is no option {name}")).values
    }
}

/// What the terms of a family may be divided by.
const NORMALIZATIONS: [&str; 4] = ["num-boxes", "num-pairs", "num-queries", "per-image"];

/// Some of the terms of these families, and of the class term.
pub fn random_weights(random: &mut Random, families: &[&str], is_sigmoid: bool, is_cost: bool) -> Weights {
    let all = describe();
    let own = all.families.iter().filter(|family| families.contains(&family.name)).flat_map(|family| family.terms);
    let names: Vec<_> = own.map(|term| term.name).chain(["class"]).collect();
    let mut weights = Weights::default();
    for term in terms().filter(|term| names.contains(&term.name)) {
        let may = (term.in_cost || !is_cost) && (is_sigmoid || !term.needs_sigmoid);
        if may && random.below(4) > 0 {
            weights = weights.with(term.name, f64::from(3.0 * random.unit()));
        }
    }
    weights
}
