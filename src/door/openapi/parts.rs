//! What operations are put together from.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Ref, Schema, SchemaFormat, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, ContentBuilder, RefOr, Required, Response, ResponseBuilder};

use super::codes::Code;
use crate::door::routes::Verb;

/// Schemas by their names, collected while operations are described.
pub(super) type Schemas = BTreeMap<String, RefOr<Schema>>;

/// An operation, and the schemas that it points to.
pub(super) struct Described {
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    pub(super) operation: Operation,
    pub(super) schemas: Schemas,
}

/// An operation in the making.
pub(super) struct Op {
    verb: Verb,
    path: &'static str,
    operation: OperationBuilder,
    responses: BTreeMap<u16, Response>,
    codes: Vec<Code>,
    schemas: Schemas,
}

/// A text of a pattern.
pub(super) fn pattern(pattern: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
}

/// Any text.
pub(super) fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

/// A UUID.
pub(super) fn uuid() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::Custom("uuid".into()))).into()
}

/// A whole number in a range.
pub(super) fn whole(minimum: u32, maximum: u32) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(minimum)).maximum(Some(maximum)).into()
}

/// A sale's id or a sku.
pub(super) const NAME: &str = "^[A-Za-z0-9._-]{1,64}$";

fn header(description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new().schema(Some(text())).description(Some(description)).build()
}

fn header_says(name: &str) -> &'static str {
    match name {
        "Retry-After" => "Seconds after which to try again",
        "RateLimit" => "What is left of the limit, and when there is more",
        "RateLimit-Policy" => "The limit",
        "WWW-Authenticate" => "How to say who one is",
        "Allow" => "The methods of this path",
        "Location" => "Where the order is",
        "Idempotent-Replayed" => "`true` where the order was won by an earlier request with the same key",
        "ETag" => "The bytes' name, for `If-None-Match`",
        "Set-Cookie" => "The same for browsers",
        "Content-Disposition" => "A file's name",
        _ => "Who may keep this, and for how long",
    }
}

impl Op {
    pub(super) fn new((verb, path): (Verb, &'static str), (tag, id, summary): (&str, &str, &str)) -> Self {
        let operation = OperationBuilder::new().tag(tag).operation_id(Some(id)).summary(Some(summary));
        Self { verb, path, operation, responses: BTreeMap::new(), codes: Vec::new(), schemas: Schemas::new() }
            .segments()
    }

    /// The parameters that the path names.
    fn segments(mut self) -> Self {
        for name in self.path.split(['{', '}']).skip(1).step_by(2) {
            let schema = match name {
                "order" => uuid(),
                // A page is the same for every name, known or not.
                "sale" | "sku" if self.path.starts_with("/v1/") => pattern(NAME),
                _ => text(),
            };
            let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
            self.operation = self.operation.parameter(parameter.schema(Some(schema)).build());
        }
        self
    }

    pub(super) fn says(mut self, description: &str) -> Self {
        self.operation = self.operation.description(Some(description));
        self
    }

    fn parameter(mut self, parameter: Parameter) -> Self {
        self.operation = self.operation.parameter(parameter);
        self
    }

    /// A parameter behind the question mark, or in a header, that may be left out.
    pub(super) fn may(self, place: ParameterIn, name: &str, schema: RefOr<Schema>, description: &str) -> Self {
        let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(Required::False);
        self.parameter(parameter.schema(Some(schema)).description(Some(description)).build())
    }

    /// A header that has to be there.
    pub(super) fn must(self, name: &str, description: &str) -> Self {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::True);
        self.parameter(parameter.schema(Some(text())).description(Some(description)).build())
    }

    /// One of these ways to say who one is.
    pub(super) fn known_by(mut self, schemes: &[&str]) -> Self {
        for scheme in schemes {
            self.operation = self.operation.security(SecurityRequirement::new(*scheme, Vec::<String>::new()));
        }
        self
    }

    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let mut found = Vec::new();
        T::schemas(&mut found);
        self.schemas.extend(found);
        self.schemas.insert(T::name().into_owned(), T::schema());
        Ref::from_schema_name(T::name()).into()
    }

    /// A body in JSON.
    pub(super) fn takes<T: ToSchema>(mut self, required: Required) -> Self {
        let schema = self.schema::<T>();
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(required)).build();
        self.operation = self.operation.request_body(Some(body));
        self
    }

    /// An answer in JSON.
    pub(super) fn gives<T: ToSchema>(mut self, status: u16, description: &str, headers: &[&str]) -> Self {
        let schema = self.schema::<T>();
        self.answers(status, description, Some(("application/json", schema)), headers)
    }

    /// An answer in JSON that is one of two.
    pub(super) fn gives_one_of<T: ToSchema, U: ToSchema>(mut self, status: u16, says: &str, headers: &[&str]) -> Self {
        let either = OneOfBuilder::new().item(self.schema::<T>()).item(self.schema::<U>()).into();
        self.answers(status, says, Some(("application/json", either)), headers)
    }

    /// An answer in something else, or without a body.
    pub(super) fn answers(
        mut self,
        status: u16,
        description: &str,
        content: Option<(&str, RefOr<Schema>)>,
        headers: &[&str],
    ) -> Self {
        let mut response = ResponseBuilder::new().description(description);
        if let Some((content_type, schema)) = content {
            response = response.content(content_type, Content::new(Some(schema)));
        }
        for name in headers {
            response = response.header(*name, header(header_says(name)));
        }
        self.responses.insert(status, response.build());
        self
    }

    /// Refusals that it may answer.
    pub(super) fn refuses(mut self, codes: &[Code]) -> Self {
        self.codes.extend_from_slice(codes);
        self
    }

    /// The operation, with one answer for each status.
    pub(super) fn build(mut self) -> Described {
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in &self.codes {
            let codes = by_status.entry(code.status).or_default();
            if !codes.contains(code) {
                codes.push(*code);
            }
        }
        for (status, codes) in by_status {
            let response = self.refusal(&codes);
            self.responses.insert(status, response);
        }
        let mut operation = self.operation;
        for (status, response) in self.responses {
            operation = operation.response(status.to_string(), response);
        }
        Described { verb: self.verb, path: self.path, operation: operation.build(), schemas: self.schemas }
    }

    fn refusal(&mut self, codes: &[Code]) -> Response {
        let words: Vec<String> = codes.iter().map(|code| format!("`{}`", code.code)).collect();
        let mut schemas = codes.iter().map(|code| {
            let name = code.schema_name();
            self.schemas.entry(name.clone()).or_insert_with(|| problem(code));
            RefOr::from(Ref::from_schema_name(name))
        });
        let schema = match (schemas.next(), codes.len()) {
            (Some(only), 1) => only,
            (first, _) => first.into_iter().chain(schemas).fold(OneOfBuilder::new(), OneOfBuilder::item).into(),
        };
        let mut response = ResponseBuilder::new().description(words.join(", "));
        for name in codes.iter().flat_map(|code| code.headers) {
            response = response.header(*name, header(header_says(name)));
        }
        response.content("application/problem+json", Content::new(Some(schema))).build()
    }
}

/// A problem (RFC 9457) of this code.
fn problem(code: &Code) -> RefOr<Schema> {
    let exactly = |value: Value, kind: Type| ObjectBuilder::new().schema_type(kind).enum_values(Some([value]));
    let words = [
        ("type", format!("/problems/{}", code.code.replace('_', "-"))),
        ("layer", code.layer.to_owned()),
        ("code", code.code.to_owned()),
    ];
    let mut object = ObjectBuilder::new().schema_type(Type::Object).property("title", text()).required("title");
    for (name, word) in words {
        object = object.property(name, exactly(word.into(), Type::String)).required(name);
    }
    object = object.property("status", exactly(code.status.into(), Type::Integer)).required("status");
    for member in code.members {
        object = object.property(member.name(), member.schema());
        if member.is_required() {
            object = object.required(member.name());
        }
    }
    object.into()
}
