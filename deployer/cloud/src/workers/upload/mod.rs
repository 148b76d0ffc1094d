//! An upload, from the form that came in to the version that is made of it.

mod bindings;
mod compatibility;
mod draft;
mod form;
mod kinds;
mod metadata;
mod resolve;
mod settings;

pub(crate) use bindings::Binding;
pub(crate) use compatibility::Compatibility;
pub(crate) use draft::{draft, patched};
pub(crate) use form::Upload;
pub(crate) use kinds::BindingKind;
pub(crate) use metadata::{Annotations, CodeUpdate, Metadata, check_values};
pub(crate) use resolve::Resolver;
pub(crate) use settings::{
    AssetsConfig, CacheOptions, HtmlHandling, Limits, NotFoundHandling, Observability, Placement,
    RunWorkerFirst, TailConsumer, UsageModel, check_tags, no_observability,
};
