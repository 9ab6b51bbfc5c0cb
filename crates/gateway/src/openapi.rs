//! The OpenAPI document, written from the table of routes.

use serde_json::{Map, Value, json};

use crate::routes::{Answer, Asks, Must, ROUTES, Route};

/// Returns the document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Firth gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token (JWT) or an API key"},
            },
            "schemas": {"Error": schema(&[("error", "string", Must::Be)])},
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": responses(route),
    });
    if !route.body.is_empty() {
        let content = json!({"application/json": {"schema": schema(route.body)}});
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    if route.asks == Asks::ForToken {
        operation["security"] = json!([{"bearer": []}]);
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path =
        route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(
        |name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}),
    );
    let in_query = route.query.iter().map(|(name, kind, must)| {
        let is_required = *must == Must::Be;
        json!({"name": name, "in": "query", "required": is_required, "schema": type_of(kind)})
    });
    in_path.chain(in_query).collect()
}

fn responses(route: &Route) -> Value {
    let (status, good) = match route.answer {
        Answer::Json(members) => {
            let members: Vec<_> =
                members.iter().map(|(name, kind)| (*name, *kind, Must::MayBe)).collect();
            ("200", json!({"application/json": {"schema": schema(&members)}}))
        }
        Answer::Text(kind) => ("200", json!({kind: {"schema": {"type": "string"}}})),
        Answer::WebSocket => ("101", Value::Null),
    };
    let mut responses = json!({status: {"description": "It was done"}});
    if !good.is_null() {
        responses[status]["content"] = good;
    }
    let error = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}});
    if route.asks == Asks::ForToken {
        for (status, text) in [
            ("400", "The request is not understood"),
            ("401", "The token or key is missing or not valid"),
            ("403", "The token does not grant it, or the page may not ask"),
            ("503", "The backend cannot be reached, or there is no room: come back later"),
        ] {
            responses[status] = json!({"description": text, "content": error});
        }
    }
    responses
}

fn schema(members: &[(&str, &str, Must)]) -> Value {
    let properties: Map<String, Value> =
        members.iter().map(|(name, kind, _)| ((*name).to_owned(), type_of(kind))).collect();
    let required: Vec<&str> =
        members.iter().filter(|(_, _, must)| *must == Must::Be).map(|(name, _, _)| *name).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn type_of(kind: &str) -> Value {
    match kind {
        "any" => json!({}),
        "array" => json!({"type": "array", "items": {}}),
        kind => json!({"type": kind}),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_in_the_document_under_a_name_of_its_own() {
        let document = document();
        let names: BTreeSet<&str> = ROUTES.iter().map(|route| route.name).collect();
        assert_eq!(names.len(), ROUTES.len());
        for route in ROUTES {
            let operation = &document["paths"][route.path][route.method];
            assert_eq!(operation["operationId"], route.name);
            assert!(!operation["responses"].as_object().unwrap().is_empty());
        }
    }
}
