//! The columns of a segment in terms of Arrow.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Fields};

use crate::store::column::ALL;

/// How alleles without a sequence are told.
pub(crate) const ANY: &str = "<*>";
pub(crate) const SPANNING: &str = "*";

pub(crate) fn field(name: &str, kind: DataType) -> Field {
    Field::new(name, kind, false)
}

pub(crate) fn list(name: &str, item: DataType) -> Field {
    field(name, DataType::List(Arc::new(field("item", item))))
}

pub(crate) fn block_fields() -> Fields {
    Fields::from(vec![
        field("ploidy", DataType::UInt8),
        Field::new("depth", DataType::UInt32, true),
        Field::new("quality", DataType::UInt16, true),
        field("pl_none", DataType::UInt16),
        field("pl_one", DataType::UInt16),
        field("pl_two", DataType::UInt16),
    ])
}

pub(crate) fn allele_fields() -> Fields {
    Fields::from(vec![
        field("allele", DataType::UInt32),
        field("start", DataType::UInt32),
        field("reference", DataType::Utf8),
        field("alternative", DataType::Utf8),
    ])
}

pub(crate) fn site_fields() -> Fields {
    Fields::from(vec![
        field("start", DataType::UInt32),
        field("end", DataType::UInt32),
        field("position", DataType::UInt32),
        list("alleles", DataType::Struct(allele_fields())),
    ])
}

pub(crate) fn form_fields() -> Fields {
    let flag = |name| field(name, DataType::Boolean);
    Fields::from(vec![
        field("ploidy", DataType::UInt8),
        list("genotype", DataType::UInt32),
        flag("passes"),
        flag("calibrated"),
        flag("phased"),
        flag("depth"),
        flag("depths"),
        flag("likelihoods"),
        flag("bare"),
    ])
}

/// The columns of a segment.
pub(crate) static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let mut fields = vec![
        field("start", DataType::UInt32),
        field("end", DataType::UInt32),
        list("blocks", DataType::Struct(block_fields())),
        list("sites", DataType::Struct(site_fields())),
        list("forms", DataType::Struct(form_fields())),
        list("phase_sets", DataType::Binary),
        list("sample_runs", DataType::UInt32),
        list("sample_calls", DataType::UInt32),
    ];
    for column in ALL {
        for plane in 0..column.planes {
            let name = format!("{}.{plane}", column.name);
            fields.push(list(&name, DataType::UInt8));
        }
    }
    Fields::from(fields)
});
