//! The tables.

use crate::store::Schema;

pub(crate) const SCHEMA: Schema = Schema {
    product: "workers",
    steps: &["
        create table worker (
            name text primary key,
            -- Stays when all else changes.
            tag text not null unique,
            created_on text not null,
            modified_on text not null,
            last_deployed_from text not null,
            migration_tag text,
            -- Entries of the live exports; not null once there was an upload with exports.
            exports text,
            next_number integer not null,
            workers_dev integer not null,
            previews integer not null,
            logpush integer not null,
            observability text,
            tags text not null,
            tail_consumers text not null
        ) strict;

        create table version (
            id text primary key,
            script text not null references worker (name) on delete cascade,
            number integer not null,
            created_on text not null,
            source text not null,
            annotations text not null,
            content text not null,
            unique (script, number)
        ) strict;

        create table deployment (
            sequence integer primary key autoincrement,
            id text not null unique,
            script text not null references worker (name) on delete cascade,
            created_on text not null,
            source text not null,
            annotations text not null,
            shares text not null
        ) strict;
        create index deployments_of on deployment (script, sequence);

        create table namespace (
            id text primary key,
            script text not null,
            class text not null,
            storage text not null,
            received_from text,
            unique (script, class)
        ) strict;

        create table pending_transfer (
            target text not null,
            class text not null,
            source text not null,
            primary key (target, class)
        ) strict;

        create table cron (
            script text not null references worker (name) on delete cascade,
            cron text not null,
            created_on text not null,
            modified_on text not null,
            primary key (script, cron)
        ) strict;

        create table route (
            id text primary key,
            zone text not null,
            pattern text not null unique,
            -- None: requests go past all workers.
            script text references worker (name) on delete cascade
        ) strict;

        create table domain (
            id text primary key,
            hostname text not null unique,
            zone text not null,
            zone_name text not null,
            script text not null references worker (name) on delete cascade,
            cert_id text not null
        ) strict;

        create table tail (
            id text primary key,
            script text not null references worker (name) on delete cascade,
            filters text not null,
            expires_at text not null
        ) strict;

        create table asset (
            hash text primary key,
            file text not null,
            size integer not null,
            content_type text
        ) strict;

        create table asset_session (
            id text primary key,
            script text not null,
            manifest text not null,
            expires integer not null
        ) strict;

        create table probe (
            fingerprint text primary key,
            found text not null
        ) strict;

        create table workers_setting (
            name text primary key,
            value text not null
        ) strict;
        insert into workers_setting (name, value) values ('subdomain', 'local');
    "],
};
