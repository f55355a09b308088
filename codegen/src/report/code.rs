//! The codes of diagnostics: each is declared once, with its stage, its level and its title.

/// What a diagnostic is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The manifest and the files it names.
    Manifest,
    /// Migrations.
    Schema,
    /// Queries.
    Sql,
    /// Attributes and macros in Rust code.
    Rust,
}

/// Whether a diagnostic with a code makes the build fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Always an error.
    Error,
    /// Always a warning.
    Warning,
    /// An error or a warning, depending on the case.
    Either,
}

impl Level {
    /// The level in words.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Either => "error or warning",
        }
    }
}

macro_rules! codes {
    ($($stage:ident { $($number:literal $code:ident $level:ident $title:literal,)+ })+) => {
        /// The code of a diagnostic. Its meaning never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($(#[doc = $title] $code,)+)+
        }

        impl Code {
            /// Every code, in the order of the numbers.
            pub const ALL: &[Self] = &[$($(Self::$code,)+)+];

            /// The code as it is printed, for instance `B0101`.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $($(Self::$code => concat!("B0", $number),)+)+ }
            }

            /// What it is about.
            #[must_use]
            pub fn stage(self) -> Stage {
                match self { $($(Self::$code => Stage::$stage,)+)+ }
            }

            /// Whether it makes the build fail.
            #[must_use]
            pub fn level(self) -> Level {
                match self { $($(Self::$code => Level::$level,)+)+ }
            }

            /// The title of its page.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $($(Self::$code => $title,)+)+ }
            }
        }
    };
}

codes! {
    Manifest {
        101 Unreadable Error "a file cannot be read",
        102 ManifestSyntax Error "the manifest is not valid TOML or JSON",
        103 ManifestField Either "a field has the wrong type or is missing",
        104 DuplicateBinding Error "two bindings share a name",
        105 BindingName Error "invalid binding name",
        106 UnknownKey Either "unknown key",
        107 ManifestLimit Error "a value outside the platform's limits",
        108 Environment Either "environments that contradict each other",
        109 PlainSecret Warning "a variable that looks like a secret",
        110 Shards Either "databases that cannot be a set of shards",
        111 Cron Error "an invalid cron expression",
    }
    Schema {
        201 Migration Error "a migration fails",
        202 NoMigrations Error "a database without migrations",
        203 DeclaredType Warning "a declared type that SQLite does not know",
        204 NullableKey Warning "a primary key that can be NULL",
        205 EditedMigration Warning "an applied migration was edited",
    }
    Sql {
        301 Annotation Error "a query's annotation is missing or wrong",
        302 Sqlite Error "SQLite rejects the statement",
        303 UnknownTable Error "unknown table",
        304 UnknownColumn Error "unknown column",
        305 Ambiguous Error "ambiguous column name",
        306 UnknownFunction Error "unknown or denied function",
        307 UntypedParameter Either "a parameter without a type",
        308 ConflictingParameter Error "a parameter with two types",
        309 ResultName Error "column names that cannot be fields",
        310 Cardinality Either "impossible row count",
        311 Unsupported Error "unsupported SQL",
        312 StoredType Either "a value does not fit its column",
        313 SeveralStatements Error "more than one statement",
        314 StrayQueries Error "queries that belong to no database",
        315 DuplicateQuery Error "two queries share a name",
        316 Override Error "invalid type override",
        317 Arguments Error "wrong arguments of an inline query",
        318 Unguarded Error "UPDATE or DELETE without WHERE",
        319 FullScan Warning "full table scan",
        320 SharedRow Error "queries that share a row type differ",
        321 ParameterNumber Error "parameters that cannot become arguments",
        322 Page Either "a query that cannot have pages",
        323 JsonBlob Warning "a BLOB in JSON",
    }
    Rust {
        401 UnknownBinding Error "unknown binding",
        402 Attribute Error "malformed attribute",
        403 Handler Error "handlers and manifest do not match",
        404 RowField Error "a field does not match its column",
        405 StaleCache Warning "a write that leaves cached rows outdated",
        406 DurableObject Error "not a Durable Object class",
        407 Workflow Error "not a Workflow class",
    }
}

impl Code {
    /// The code with an id.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.id() == id)
    }
}
