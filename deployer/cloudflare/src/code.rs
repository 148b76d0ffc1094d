//! Cloudflare's numbers for what went wrong, as far as something depends on them. Most are in no
//! list of Cloudflare's; where a number means two things, the product decides.

pub const CANNOT_ROUTE: u32 = 7000;
pub const BAD_IDENTIFIER: u32 = 7003;
pub const INVALID_HEADERS: u32 = 6003;
pub const INVALID_TOKEN: u32 = 1000;
pub const D1_FORBIDDEN: u32 = 7403;
pub const D1_NOT_FOUND: u32 = 7404;
/// With HTTP 400 the SQL is wrong, with 500 D1 is.
pub const D1_SQL: u32 = 7500;
pub const D1_INTERNAL: u32 = 7501;
pub const D1_NAME_TAKEN: u32 = 7502;
pub const MISSING_AUTHENTICATION: u32 = 9106;
pub const UNAUTHORIZED: u32 = 9109;
pub const AUTHENTICATION: u32 = 10000;
/// On R2's paths: an incident there.
pub const WRONG_KIND_OF_TOKEN: u32 = 10001;
/// On R2's paths: there is no such bucket.
pub const CANNOT_PARSE: u32 = 10006;
pub const WORKER_NOT_FOUND: u32 = 10007;
/// On KV's paths: there is no such namespace. Elsewhere: an incident at Cloudflare.
pub const UNKNOWN: u32 = 10013;
pub const KV_TITLE_TAKEN: u32 = 10014;
pub const NOT_ENTITLED: u32 = 10015;
pub const INVALID_WORKER_NAME: u32 = 10016;
pub const INVALID_SCRIPT: u32 = 10021;
pub const TOO_LARGE: u32 = 10027;
pub const CONCURRENT_CHANGE: u32 = 10035;
pub const TOO_MANY_WORKERS: u32 = 10037;
pub const BINDING_NAME_TWICE: u32 = 10053;
pub const INHERITS_NOTHING: u32 = 10057;
pub const NO_SUBDOMAIN: u32 = 10063;
pub const CLASS_DEPENDED_ON: u32 = 10064;
pub const NO_HANDLERS: u32 = 10068;
pub const CLASS_EXISTS: u32 = 10074;
pub const MIGRATION_TAG: u32 = 10079;
pub const BUCKET_HAS_CATALOG: u32 = 10081;
pub const SERVICE_NOT_FOUND: u32 = 10090;
pub const NEEDS_SQLITE_CLASSES: u32 = 10097;
pub const MIGRATION_IN_VERSION: u32 = 10211;
pub const QUEUE_HANDLER_MISSING: u32 = 11001;
pub const VERSION_NOT_READABLE_YET: u32 = 100_146;
pub const EXPORTS_REFUSED: u32 = 100_402;
pub const VERSIONS_DISAGREE: u32 = 100_405;
pub const EXPORT_NOT_DEPLOYED: u32 = 100_406;
