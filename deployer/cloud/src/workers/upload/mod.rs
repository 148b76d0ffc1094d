//! An upload, from the form that came in to the version that is made of it.

mod bindings;
mod compatibility;
mod form;
mod metadata;
mod resolve;
mod settings;

pub(crate) use bindings::{Binding, BindingKind, Hidden, SecretKey};
pub(crate) use compatibility::Compatibility;
pub(crate) use form::Upload;
pub(crate) use metadata::{Annotations, CodeUpdate, Metadata, check_values, distinct};
pub(crate) use resolve::{Inheritance, Resolver, settle};
pub(crate) use settings::{
    AssetsConfig, CacheOptions, HtmlHandling, Limits, NotFoundHandling, Observability, Placement,
    RunWorkerFirst, TailConsumer, UsageModel, check_tags, no_observability,
};
