//! Criteria: options and weights of the configuration.

use hungarian_loss::{
    Config, Criterion, Error, Level, OptionInfo, OptionValue, Options, Value, Values, WeightOf, Weights, describe,
    terms,
};

const KIND: &str = "classification.kind";

/// A configuration without any weight.
fn config(kind: &str, num_classes: usize) -> Config {
    let options = Options::default().with(KIND, kind);
    Config { num_classes, cost: Weights::default(), weights: Weights::default(), options }
}

fn check(config: &Config) -> Result<(), Error> {
    Criterion::new(Level::detect(), config).map(drop)
}

/// The message that a configuration is refused with.
fn message(config: &Config) -> String {
    check(config).expect_err("it is refused").to_string()
}

/// Values that an option may just have, and values that it may not.
fn around(info: &OptionInfo, classes: usize) -> (Vec<OptionValue>, Vec<OptionValue>) {
    let numbers = |numbers: &[f64]| numbers.iter().map(|&number| number.into()).collect::<Vec<OptionValue>>();
    match info.values {
        Values::Number { default, least, most } => {
            assert!((least..=most).contains(&default), "{}", info.name);
            let (below, above) = (least.next_down(), most.next_up());
            (numbers(&[least, default, most]), numbers(&[below, above, f64::NAN, f64::NEG_INFINITY, f64::INFINITY]))
        }
        Values::Even { default, least, most } => {
            let [default, least, most] = [default, least, most].map(|n| n as f64);
            let refused = [least - 2.0, least + 1.0, least + 0.5, most + 2.0, f64::NAN];
            (numbers(&[least, default, most]), numbers(&refused))
        }
        Values::Column => {
            (numbers(&[0.0, classes as f64]), numbers(&[-1.0, 0.5, classes as f64 + 1.0, f64::NAN, f64::INFINITY]))
        }
        Values::Flag { .. } => (vec![true.into(), false.into()], vec![1.0.into(), "true".into()]),
        Values::Word(words) => (words.iter().map(|&word| word.into()).collect(), vec!["no such".into(), true.into()]),
        Values::PerClass { most } => {
            let list = |value: f64, count: usize| OptionValue::from(vec![value; count]);
            let fit = vec![list(0.0, classes), list(most, classes)];
            let refused = [-1.0, most.next_up(), f64::NAN].map(|value| list(value, classes));
            (fit, [list(1.0, classes - 1), list(1.0, classes + 1)].into_iter().chain(refused).collect())
        }
        Values::List => {
            let list = |values: &[f64]| OptionValue::from(values.to_vec());
            (vec![list(&[0.0]), list(&[1.0, 1e12])], vec![list(&[]), list(&[1.0, -1.0]), list(&[f64::NAN]), 1.0.into()])
        }
    }
}

#[test]
fn options_are_taken_within_their_ranges_and_refused_with_their_name_beyond() {
    let all = describe();
    for kind in all.kinds {
        let of_families = all.families.iter().flat_map(|family| family.options);
        for info in kind.options.iter().chain(of_families).chain(all.options) {
            let (taken, refused) = around(info, 5);
            for value in taken {
                assert_eq!(
                    check(&config(kind.name, 5).with(info.name, value)),
                    Ok(()),
                    "{} of {}",
                    info.name,
                    kind.name
                );
            }
            for value in refused {
                let found = check(&config(kind.name, 5).with(info.name, value.clone()));
                assert!(
                    matches!(found, Err(Error::Option { name, .. }) if name == info.name),
                    "{} {value:?}",
                    info.name
                );
            }
        }
    }
}

#[test]
fn options_that_a_kind_does_not_have_are_refused() {
    let error = check(&config("softmax", 5).with("classification.alpha", 0.5)).expect_err("it is refused");
    assert!(
        matches!(&error, Error::Option { name: "options", value: Value::Word(word), .. } if word == "classification.alpha")
    );
    let error = check(&config("focal", 5).with("boxFormats", "xyxy")).expect_err("it is refused");
    assert!(error.to_string().starts_with("options: must be one of classification.kind, nonFinite, "), "{error}");
    assert!(error.to_string().ends_with(", got 'boxFormats'"), "{error}");
}

#[test]
fn kinds_that_there_are_not_are_refused_with_those_that_there_are() {
    let rule = "classification.kind: must be 'softmax' or 'focal' or 'varifocal' or 'mal' or 'ia-bce' \
                or 'sigmoid', got 'hinge'";
    assert_eq!(message(&config("hinge", 5)), rule);
}

#[test]
fn classes_are_at_least_1_and_have_exact_numbers() {
    assert_eq!(check(&config("softmax", 1)), Ok(()));
    assert_eq!(check(&config("focal", (1 << 24) - 1)), Ok(()));
    assert_eq!(message(&config("softmax", 0)), "numClasses: must be an integer from 1 to 16777215, got 0");
    assert_eq!(message(&config("focal", 1 << 24)), "numClasses: must be an integer from 1 to 16777215, got 16777216");
}

#[test]
fn weights_of_every_term_are_refused_outside_their_range() {
    for term in terms() {
        for value in [-1.0, f64::NAN, f64::INFINITY, 1.1e12] {
            let weights = Weights::of(&[(term.name, value)]);
            for (of, config) in [
                (WeightOf::Cost, Config { cost: weights, ..config("focal", 5) }),
                (WeightOf::Loss, Config { weights, ..config("focal", 5) }),
            ] {
                let found = check(&config);
                let rule = "a number from 0 to 1e12";
                assert!(
                    matches!(found, Err(Error::Weight { of: found, term: name, rule: said, value: given })
                        if (found, name, said) == (of, term.name, rule) && given.to_bits() == value.to_bits()),
                    "{} {value}: {found:?}",
                    term.name
                );
            }
        }
        let weights = Weights::of(&[(term.name, 1e12)]);
        let cost = check(&Config { cost: weights, ..config("focal", 5) });
        let refused = Error::Weight { of: WeightOf::Cost, term: term.name, rule: "0 in the cost", value: 1e12 };
        assert_eq!(cost, if term.in_cost { Ok(()) } else { Err(refused) });
        let rule = "0 for softmax classification";
        let refused = Error::Weight { of: WeightOf::Loss, term: term.name, rule, value: 1e12 };
        let loss = check(&Config { weights, ..config("softmax", 5) });
        assert_eq!(loss, if term.needs_sigmoid { Err(refused) } else { Ok(()) });
    }
}

#[test]
fn weights_in_messages_say_whose_they_are() {
    let weights = Weights::of(&[("giou", -2.0)]);
    let cost = Config { cost: weights, ..config("focal", 5) };
    assert_eq!(message(&cost), "weight of giou in the cost: must be a number from 0 to 1e12, got -2");
    let loss = Config { weights, ..config("focal", 5) };
    assert_eq!(message(&loss), "weight of giou: must be a number from 0 to 1e12, got -2");
}

#[test]
fn configurations_that_are_published_have_their_weights() {
    for (config, class) in [(Config::detr(91), 1.0), (Config::deformable_detr(91), 2.0)] {
        let weights = Weights::of(&[("class", class), ("l1", 5.0), ("giou", 2.0)]);
        assert_eq!((config.cost, config.weights), (weights, weights));
        assert_eq!(check(&config), Ok(()));
    }
    let columns = |config: &Config| Criterion::new(Level::detect(), config).expect("valid").logits_width();
    assert_eq!((columns(&Config::detr(91)), columns(&Config::deformable_detr(91))), (92, 91));
}
