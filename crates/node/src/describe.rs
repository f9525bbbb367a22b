//! What the core has, for TypeScript: fields, terms, options, and the places of all results. Names cross the border here,
//! once; TypeScript holds no order and no count of its own.

use hungarian_loss::{
    Field, Form, OptionInfo, Owner, Presence, SCORE_OPTIONS, Values, describe as describe_core, query_fields,
    target_fields, terms,
};
use napi_derive::napi;

use crate::values::{HEAD, LAYER};

/// Everything that a criterion may have.
#[napi(object, object_from_js = false)]
pub struct CoreDescription {
    /// The terms, in the order of their weights and results.
    pub terms: Vec<TermDescription>,
    /// The fields of queries, in the order of a stack's widths.
    pub query_fields: Vec<FieldDescription>,
    /// The fields of targets, in the order of their arrays.
    pub target_fields: Vec<FieldDescription>,
    /// The families, each with its own of these.
    pub families: Vec<FamilyDescription>,
    /// The kinds of classification, the usual one first, with their options.
    pub kinds: Vec<KindDescription>,
    /// The options that belong to no family and to no kind.
    pub options: Vec<OptionDescription>,
    /// The numbers of a matching by score, in the order of a rule's.
    pub score: Vec<OptionDescription>,
    /// The largest weight of a term, a class or a part.
    pub max_weight: f64,
    /// The most object classes.
    pub max_classes: u32,
    /// The values of a result before those of its layers.
    pub head: Vec<String>,
    /// The values of each layer.
    pub layer: Vec<String>,
}

/// A term.
#[napi(object, object_from_js = false)]
pub struct TermDescription {
    /// What it is called in weights and results.
    pub name: String,
    /// Whether the matching may weigh it.
    pub in_cost: bool,
    /// Whether it goes with the sigmoid kinds of classification only.
    pub needs_sigmoid: bool,
}

/// A field.
#[napi(object, object_from_js = false)]
pub struct FieldDescription {
    /// What it is called in outputs and targets.
    pub name: String,
    /// The axes after those of layers, images and queries, or of targets.
    pub axes: Vec<AxisDescription>,
    /// Whether the loss has a gradient by it.
    pub has_gradient: bool,
    /// Whether targets may lack it.
    pub is_optional: bool,
    /// What has a row of it: `query`, or of a field of the targets, each of them; `image`, `layer`, or `pair` of the matching.
    pub owner: String,
    /// Which set of the family's fields it belongs to, of which a layer has one; absent where it may be absent.
    pub set: Option<u32>,
    /// What targets have of it: `row`s of numbers; `planes` of bytes; or one `plane` for the image.
    pub form: String,
}

/// An axis of a field's rows; without a size where the tensor says it.
#[napi(object, object_from_js = false)]
pub struct AxisDescription {
    /// What messages call it.
    pub name: String,
    /// Its size, where there is but one.
    pub size: Option<u32>,
}

/// A family.
#[napi(object, object_from_js = false)]
pub struct FamilyDescription {
    /// What messages and tests call it.
    pub name: String,
    /// Its terms, by name.
    pub terms: Vec<String>,
    /// The fields of queries that it reads.
    pub query_fields: Vec<String>,
    /// The fields of targets that it reads.
    pub target_fields: Vec<String>,
    /// What may be set.
    pub options: Vec<OptionDescription>,
    /// Whether it says how well a pair agrees.
    pub has_quality: bool,
    /// Whether its terms are computed once all matchings are known.
    pub is_late: bool,
    /// Which layers must have its fields where one of its terms has a weight: `everywhere`, `finally` the last one of the main
    /// part, or `anywhere` they may be.
    pub demand: String,
}

/// A kind of classification.
#[napi(object, object_from_js = false)]
pub struct KindDescription {
    /// The value of `classification.kind`.
    pub name: String,
    /// Whether each class has a probability of its own.
    pub is_sigmoid: bool,
    /// Whether it asks how well pairs agree.
    pub needs_quality: bool,
    /// What may be set.
    pub options: Vec<OptionDescription>,
}

/// An option: `number` from `least` to `most`, `even` likewise, `flag`, `word` out of `words`, `column` of the logits,
/// `perClass`, or `list` of numbers.
#[napi(object, object_from_js = false)]
pub struct OptionDescription {
    /// Its whole name, with dots: `classification.alpha`.
    pub name: String,
    /// What values it has.
    pub kind: String,
    /// The least number.
    pub least: Option<f64>,
    /// The greatest number.
    pub most: Option<f64>,
    /// The words, the default first.
    pub words: Option<Vec<String>>,
    /// Of a number.
    pub number: Option<f64>,
    /// Of a flag.
    pub flag: Option<bool>,
}

/// The version of the package that the binary belongs to.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// What there is.
#[napi(catch_unwind)]
pub fn describe() -> CoreDescription {
    let core = describe_core();
    let names = |fields: &mut dyn Iterator<Item = &'static Field>| fields.map(|field| field.name.to_owned()).collect();
    CoreDescription {
        terms: terms()
            .map(|term| TermDescription {
                name: term.name.to_owned(),
                in_cost: term.in_cost,
                needs_sigmoid: term.needs_sigmoid,
            })
            .collect(),
        query_fields: query_fields().map(|info| field(info, false, Form::Row)).collect(),
        target_fields: target_fields().map(|target| field(&target.field, target.is_optional, target.form)).collect(),
        families: core
            .families
            .iter()
            .map(|family| FamilyDescription {
                name: family.name.to_owned(),
                terms: family.terms.iter().map(|term| term.name.to_owned()).collect(),
                query_fields: names(&mut family.queries.iter()),
                target_fields: names(&mut family.targets.iter().map(|target| &target.field)),
                options: options(family.options),
                has_quality: family.has_quality,
                is_late: family.is_late,
                demand: match family.presence {
                    Presence::Everywhere => "everywhere",
                    Presence::Finally => "finally",
                    Presence::Anywhere => "anywhere",
                }
                .to_owned(),
            })
            .collect(),
        kinds: core
            .kinds
            .iter()
            .map(|kind| KindDescription {
                name: kind.name.to_owned(),
                is_sigmoid: kind.is_sigmoid,
                needs_quality: kind.needs_quality,
                options: options(kind.options),
            })
            .collect(),
        options: options(core.options),
        score: options(&SCORE_OPTIONS),
        max_weight: core.max_weight,
        max_classes: core.max_classes as u32,
        head: HEAD.iter().map(|name| (*name).to_owned()).chain(counted("nonFinite")).collect(),
        layer: terms()
            .map(|term| term.name.to_owned())
            .chain(LAYER.iter().map(|name| (*name).to_owned()))
            .chain(core.families.iter().map(|family| format!("normalizer.{}", family.name)))
            .collect(),
    }
}

/// A count for each field of the queries: `nonFinite.boxes`.
fn counted(group: &str) -> impl Iterator<Item = String> {
    query_fields().map(move |field| format!("{group}.{}", field.name))
}

fn field(info: &Field, is_optional: bool, form: Form) -> FieldDescription {
    let axes = info
        .axes
        .iter()
        .map(|axis| AxisDescription { name: axis.name.to_owned(), size: axis.size.map(|size| size as u32) });
    let owner = match info.owner {
        Owner::Query => "query",
        Owner::Image => "image",
        Owner::Layer => "layer",
        Owner::Pair => "pair",
    };
    let form = match form {
        Form::Row => "row",
        Form::Planes => "planes",
        Form::Plane => "plane",
    };
    FieldDescription {
        name: info.name.to_owned(),
        axes: axes.collect(),
        has_gradient: info.has_gradient,
        is_optional,
        owner: owner.to_owned(),
        set: info.set.map(u32::from),
        form: form.to_owned(),
    }
}

fn options(options: &[&OptionInfo]) -> Vec<OptionDescription> {
    options.iter().map(|info| option(info)).collect()
}

fn option(info: &OptionInfo) -> OptionDescription {
    let of_kind = |kind: &str| OptionDescription {
        name: info.name.to_owned(),
        kind: kind.to_owned(),
        least: None,
        most: None,
        words: None,
        number: None,
        flag: None,
    };
    match info.values {
        Values::Number { default, least, most } => {
            OptionDescription { least: Some(least), most: Some(most), number: Some(default), ..of_kind("number") }
        }
        Values::Even { default, least, most } => {
            let [number, least, most] = [default, least, most].map(|value| Some(value as f64));
            OptionDescription { least, most, number, ..of_kind("even") }
        }
        Values::Flag { default } => OptionDescription { flag: Some(default), ..of_kind("flag") },
        Values::Word(words) => {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            OptionDescription { words: Some(words), ..of_kind("word") }
        }
        Values::Column => of_kind("column"),
        Values::PerClass { most } => OptionDescription { most: Some(most), ..of_kind("perClass") },
        Values::List => of_kind("list"),
    }
}
