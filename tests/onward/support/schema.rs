//! A JSON Schema, read strictly: a keyword that is not known here is an error, and so is a field that the schema does not
//! describe. Readers of the documents are asked for less: to them a schema is open.

use serde_json::{Map, Value};

/// A schema of `docs/`.
pub(crate) struct Schema {
    root: Value,
}

/// The keywords that mean something here; <https://json-schema.org/draft/2020-12/json-schema-validation>.
const KEYWORDS: [&str; 15] = [
    "$schema",
    "$defs",
    "$ref",
    "title",
    "description",
    "type",
    "properties",
    "required",
    "items",
    "oneOf",
    "enum",
    "const",
    "format",
    "minimum",
    "examples",
];

impl Schema {
    /// Reads and checks a schema.
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Schema {
        let schema = Schema {
            root: serde_json::from_str(text).expect("JSON"),
        };
        assert_eq!(
            schema.root["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
        schema.check_itself("#", &schema.root);
        schema
    }

    /// Every keyword is known, every field is described and required, every reference leads somewhere.
    #[track_caller]
    fn check_itself(&self, place: &str, node: &Value) {
        let node = object(place, node);
        for (keyword, value) in node {
            assert!(
                KEYWORDS.contains(&keyword.as_str()),
                "{place}: {keyword} is not known"
            );
            let inside = format!("{place}/{keyword}");
            match keyword.as_str() {
                "properties" | "$defs" => {
                    for (name, part) in object(&inside, value) {
                        let inside = format!("{inside}/{name}");
                        let told = part["description"].as_str().is_some_and(|text| {
                            text.ends_with('.') && text.starts_with(char::is_alphanumeric)
                        });
                        assert!(told, "{inside} has no description");
                        self.check_itself(&inside, part);
                    }
                }
                "items" => self.check_itself(&inside, value),
                "oneOf" => {
                    for part in value.as_array().expect("an array") {
                        self.check_itself(&inside, part);
                    }
                }
                "$ref" => drop(self.resolve(value)),
                "format" => assert_eq!(value, "date-time", "{inside}"),
                _ => {}
            }
        }
        if let Some(properties) = node.get("properties") {
            let known: Vec<&str> = object(place, properties)
                .keys()
                .map(String::as_str)
                .collect();
            let mut required: Vec<&str> = strings(&node["required"]);
            required.sort_unstable();
            assert_eq!(required, known, "{place}: every field is always there");
        }
    }

    fn resolve(&self, reference: &Value) -> &Value {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
        let found = pointer.and_then(|pointer| self.root.pointer(pointer));
        found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    /// The schemas under `$defs`.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = (&String, &Value)> {
        object("$defs", &self.root["$defs"]).iter()
    }

    /// What speaks against a document; nothing for a valid one.
    pub(crate) fn problems(&self, document: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        self.judge("", document, &self.root, &mut problems);
        problems
    }

    fn judge(&self, place: &str, value: &Value, schema: &Value, problems: &mut Vec<String>) {
        let mut note = |what: String| problems.push(format!("{place}: {what}: {value}"));
        if let Some(types) = schema.get("type")
            && !is_of(value, types)
        {
            return note(format!("not of type {types}"));
        }
        for (keyword, verb) in [("enum", "not one of"), ("examples", "not among")] {
            if let Some(words) = schema.get(keyword).and_then(Value::as_array)
                && !(words.contains(value) || keyword == "examples" && value.is_null())
            {
                note(format!("{verb} the words"));
            }
        }
        if let Some(word) = schema.get("const")
            && value != word
        {
            note(format!("not {word}"));
        }
        if let (Some(_), Some(text)) = (schema.get("format"), value.as_str())
            && !is_time(text)
        {
            note("not a time of RFC 3339 in UTC".to_owned());
        }
        if let (Some(minimum), Some(number)) = (schema.get("minimum"), value.as_f64())
            && minimum.as_f64().is_some_and(|minimum| number < minimum)
        {
            note(format!("below {minimum}"));
        }
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            for (i, value) in values.iter().enumerate() {
                self.judge(&format!("{place}/{i}"), value, items, problems);
            }
        }
        if let (Some(properties), Some(fields)) = (schema.get("properties"), value.as_object()) {
            self.judge_fields(place, fields, properties, problems);
        }
        if let Some(reference) = schema.get("$ref") {
            self.judge(place, value, self.resolve(reference), problems);
        }
        if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
            self.judge_choices(place, value, choices, problems);
        }
    }

    /// Every field is there, and none that is not described.
    fn judge_fields(
        &self,
        place: &str,
        fields: &Map<String, Value>,
        properties: &Value,
        problems: &mut Vec<String>,
    ) {
        for name in object(place, properties).keys() {
            if !fields.contains_key(name) {
                problems.push(format!("{place}: no field {name}"));
            }
        }
        for (name, value) in fields {
            match properties.get(name) {
                Some(schema) => self.judge(&format!("{place}/{name}"), value, schema, problems),
                None => problems.push(format!("{place}/{name} is not described")),
            }
        }
    }

    /// Exactly one of the choices fits; else what speaks against the nearest one.
    fn judge_choices(
        &self,
        place: &str,
        value: &Value,
        choices: &[Value],
        problems: &mut Vec<String>,
    ) {
        let judged = choices.iter().map(|choice| {
            let mut problems = Vec::new();
            self.judge(place, value, choice, &mut problems);
            problems
        });
        let judged: Vec<Vec<String>> = judged.collect();
        match judged.iter().filter(|found| found.is_empty()).count() {
            1 => {}
            0 => problems.extend(judged.into_iter().min_by_key(Vec::len).unwrap_or_default()),
            many => problems.push(format!("{place}: {many} choices fit: {value}")),
        }
    }
}

#[track_caller]
fn object<'a>(place: &str, value: &'a Value) -> &'a Map<String, Value> {
    value
        .as_object()
        .unwrap_or_else(|| panic!("{place} is no object: {value}"))
}

fn strings(value: &Value) -> Vec<&str> {
    let values = value.as_array().into_iter().flatten();
    values.filter_map(Value::as_str).collect()
}

fn is_of(value: &Value, types: &Value) -> bool {
    let is = |word: &str| match word {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other} is not known"),
    };
    match types.as_str() {
        Some(word) => is(word),
        None => strings(types).into_iter().any(is),
    }
}

/// `2026-03-02T10:15:00Z`
fn is_time(text: &str) -> bool {
    let shape = text.bytes().map(|byte| match byte {
        b'0'..=b'9' => '0',
        other => char::from(other),
    });
    shape.collect::<String>() == "0000-00-00T00:00:00Z"
}

#[test]
fn the_checker_objects() {
    let schema = Schema::parse(
        r##"{
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "a": {"description": "A.", "type": ["integer", "null"], "minimum": 0},
                "b": {"description": "B.", "type": "array", "items": {"enum": ["x", "y"]}},
                "c": {"description": "C.", "oneOf": [{"type": "null"}, {"$ref": "#/$defs/c"}]}
            },
            "required": ["a", "b", "c"],
            "$defs": {"c": {"description": "D.", "type": "string", "format": "date-time"}}
        }"##,
    );
    for (document, problems) in [
        (r#"{"a": 1, "b": ["x"], "c": null}"#, 0),
        (r#"{"a": null, "b": [], "c": "2026-03-02T10:15:00Z"}"#, 0),
        (r#"{"a": -1, "b": ["x"], "c": null}"#, 1),
        (r#"{"a": "1", "b": ["z", "x", "q"], "c": null}"#, 3),
        (r#"{"a": 1, "b": [], "c": "2026-03-02 10:15:00Z"}"#, 1),
        (r#"{"a": 1, "b": []}"#, 1),
        (r#"{"a": 1, "b": [], "c": null, "d": 1}"#, 1),
        ("[]", 1),
    ] {
        let found = schema.problems(&serde_json::from_str(document).expect("JSON"));
        assert_eq!(found.len(), problems, "{document}: {found:?}");
    }
}
