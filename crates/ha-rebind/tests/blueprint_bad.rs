//! Blueprints, as people get them wrong: each is told in one line, with the line of the text, the key, and what is known.

use std::time::{Duration, Instant};

use ha_rebind::blueprint::{Blueprint, DEEPEST_BLUEPRINT, LONGEST_BLUEPRINT};

#[track_caller]
fn says(text: impl AsRef<[u8]>, told: &str) {
    let error = Blueprint::parse(text).expect_err("it is wrong");
    assert_eq!(error.to_string(), told);
}

#[test]
fn what_is_missing_or_of_the_wrong_kind_is_named() {
    const TOP: &str = "name, description, services, location, locations, brooklyn.config, brooklyn.tags";
    says(
        "",
        &format!("line 1: must be a map with the keys {TOP}, and is nothing"),
    );
    says(
        "- 1",
        &format!("line 1: must be a map with the keys {TOP}, and is a list"),
    );
    says(
        "name: x",
        "line 1, `services`: a blueprint has a list of services, and here is none",
    );
    says(
        "services: []",
        "line 1, `services`: a blueprint has a list of services, and here is none",
    );
    says(
        "services: {a: 1}",
        "line 1, `services`: must be a list, and is a map",
    );
    says(
        "services:\n- type: ''",
        "line 2, `services[0].type`: must be there, and is not",
    );
    says(
        "services:\n- name: a",
        "line 2, `services[0].type`: must be there, and is not",
    );
    says(
        "services:\n- type: [a]",
        "line 2, `services[0].type`: must be a text, and is a list",
    );
    says(
        "name: x\nservices:\n- type: a\n  brooklyn.config: 5",
        "line 4, `services[0].brooklyn.config`: must be a map of keys to values, and is a number",
    );
    says(
        "services:\n- type: a\n  brooklyn.parameters: [{type: string}]",
        "line 3, `services[0].brooklyn.parameters[0].name`: must be there, and is not",
    );
    says(
        "services:\n- type: a\n  brooklyn.parameters: [{name: b, type: strin}]",
        "line 3, `services[0].brooklyn.parameters[0].type`: no type of values is called `strin`; known are string, boolean, integer, long, float, \
         double, map, list, object",
    );
    says(
        "location: [1]\nservices: [{type: a}]",
        "line 1, `location`: a location is its name, or a map of its name to its settings, and not a list",
    );
    says(
        "location: a\nlocations: [b]\nservices: [{type: a}]",
        "line 1, `location`: stands beside `locations`: one of the two is enough",
    );
}

#[test]
fn an_unknown_key_is_named_with_those_that_are_known() {
    const ENTITY: &str = "type, id, name, location, locations, brooklyn.config, brooklyn.children, brooklyn.policies, brooklyn.enrichers, \
         brooklyn.initializers, brooklyn.parameters, brooklyn.tags";
    const HINT: &str = "what its type is to be told stands below brooklyn.config";
    says(
        "services:\n- typ: a",
        &format!("line 2, `services[0].typ`: no such key here; known are {ENTITY}; {HINT}"),
    );
    says(
        "services:\n- type: a\n  brooklyn.children:\n  - type: b\n    port: 5",
        &format!(
            "line 5, `services[0].brooklyn.children[0].port`: no such key here; known are {ENTITY}; {HINT}"
        ),
    );
    says(
        "services:\n- type: a\n  brooklyn.policies:\n  - typ: b",
        &format!(
            "line 4, `services[0].brooklyn.policies[0].typ`: no such key here; known are type, id, name, brooklyn.config; {HINT}"
        ),
    );
    says(
        "services:\n- type: a\n  brooklyn.parameters:\n  - name: b\n    constraints: [required]",
        "line 5, `services[0].brooklyn.parameters[0].constraints`: no such key here; known are name, label, description, type, default",
    );
}

#[test]
fn text_that_is_no_yaml_is_told_with_its_line() {
    says(
        "services:\n- type: a\n  type: b",
        "line 3: the key `type` is there twice",
    );
    says(
        "services:\n- type: a\n  brooklyn.config:\n    1: a\n    '1': b",
        "line 4: the key `1` is there twice",
    );
    says("services: [1, 2", "line 1: unclosed bracket '['");
    says("a: *nowhere", "line 1: alias references unknown anchor");
    says(
        "services: [{type: a}]\n---\nservices: [{type: b}]",
        "line 2: another document begins here: a blueprint is one",
    );
    says("a: \"\u{1}\"", "line 1: unexpected character: `\\u{1}'");
    says(
        "services:\n- type: a\n\tname: x",
        "line 2: a tab stands where spaces must: indent with spaces",
    );
    says("{[a]: 1}", "line 1: a key must be a text");
    says(
        b"services:\n- type: \xff\xfe",
        "line 2: the byte 0xff is no UTF-8: save the text as UTF-8",
    );
}

#[test]
fn a_number_that_would_be_changed_is_refused() {
    let of = |number: &str| format!("services:\n- type: a\n  brooklyn.config:\n    k: {number}");
    for (number, name) in [(".nan", ".nan"), (".inf", ".inf"), ("-1e999", "-1e999")] {
        says(
            of(number),
            &format!("line 4: `{name}` is no number that can be kept: numbers are finite"),
        );
    }
    for number in [
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "1e300",
    ] {
        says(
            of(number),
            "line 4: a number of more than 64 bits cannot be kept as it is: put it in quotes",
        );
    }
    for number in ["18446744073709551615", "-9223372036854775808", "0.5"] {
        let blueprint = Blueprint::parse(of(number)).expect("it can be kept");
        assert_eq!(blueprint.services[0].config[0].value.to_json().as_str(), number);
    }
}

#[test]
fn ids_are_given_once_and_what_is_named_is_there() {
    says(
        "services:\n- {type: a, id: x}\n- type: a\n  id: x",
        "line 3, `id`: the id `x` was given in line 2 already",
    );
    let of = |expression: &str| {
        format!("services:\n- {{type: a, id: db}}\n- type: b\n  brooklyn.config:\n    k: {expression}")
    };
    assert!(Blueprint::parse(of("$brooklyn:component(\"db\")")).is_ok());
    says(
        of("$brooklyn:component(\"bd\")"),
        "line 5, `brooklyn.config.k`: `$brooklyn:component(\"bd\")` names no entity of this blueprint; ids are: db",
    );
    says(
        of("$brooklyn:formatString(\"%s\", $brooklyn:entity(bd).config(x))"),
        "line 5, `brooklyn.config.k`: `$brooklyn:entity(\"bd\").config(\"x\")` names no entity of this blueprint; ids are: db",
    );
    says(
        "services:\n- type: a\n  brooklyn.policies:\n  - type: p\n    brooklyn.config: {of: $brooklyn:component(x)}",
        "line 5, `brooklyn.config.of`: `$brooklyn:component(\"x\")` names no entity of this blueprint; ids are: none",
    );
    says(
        "services:\n- type: a\n  brooklyn.parameters: [{name: p, default: $brooklyn:entity(x)}]",
        "line 3, `brooklyn.config.p`: `$brooklyn:entity(\"x\")` names no entity of this blueprint; ids are: none",
    );
}

#[test]
fn config_that_needs_itself_is_refused() {
    const TOLD: &str = "its value needs itself, by way of the config key";
    says(
        "services:\n- type: a\n  brooklyn.config:\n    a: $brooklyn:config(\"b\")\n    b: $brooklyn:config(\"a\")",
        &format!("line 4, `brooklyn.config.a`: {TOLD} `b`: give one of them a value"),
    );
    says(
        "brooklyn.config: {x: $brooklyn:config(x)}\nservices: [{type: a}]",
        &format!("line 1, `brooklyn.config.x`: {TOLD} `x`: give one of them a value"),
    );
    // What a child inherits from its parent needs the child.
    says(
        "brooklyn.config:\n  up: $brooklyn:component(kid).config(down)\nservices:\n- type: a\n  id: kid\n  brooklyn.config:\n    down: \
         $brooklyn:formatString(\"%s\", $brooklyn:config(up))",
        &format!("line 2, `brooklyn.config.up`: {TOLD} `down`: give one of them a value"),
    );
    says(
        "services:\n- type: a\n  brooklyn.parameters: [{name: p, default: $brooklyn:config(q)}]\n  brooklyn.config: {q: $brooklyn:config(p)}",
        &format!("line 3, `brooklyn.config.p`: {TOLD} `q`: give one of them a value"),
    );
    // The same key of another entity is another value.
    for right in [
        "brooklyn.config: {a: 1}\nservices:\n- type: a\n  brooklyn.config: {a: $brooklyn:parent().config(a)}",
        "services:\n- type: a\n  brooklyn.config: {a: $brooklyn:config(b), b: $brooklyn:config(c), c: 1, d: $brooklyn:config(b)}",
        "services:\n- type: a\n  brooklyn.config: {a: $brooklyn:attributeWhenReady(a)}",
    ] {
        assert!(Blueprint::parse(right).is_ok(), "{right}");
    }
}

#[test]
fn an_expression_that_makes_no_sense_is_told_at_its_key() {
    let of = |expression: &str| format!("services:\n- type: b\n  brooklyn.config:\n    k: '{expression}'");
    const KNOWN: &str =
        "config, attributeWhenReady, formatString, literal, entity, component, parent, root, self";
    for (expression, told) in [
        (
            "$brooklyn:",
            "`$brooklyn:`: the name of a function must stand at its character 11",
        ),
        (
            "$brooklyn:foo()",
            &format!("`foo` is no known function; known are {KNOWN}"),
        ),
        (
            "$brooklyn:config",
            "`$brooklyn:config`: `(` must stand at its character 17",
        ),
        (
            "$brooklyn:config()",
            "`config` needs the name of a config key, and has 0 arguments",
        ),
        (
            "$brooklyn:config(5)",
            "`config` needs the name of a config key, and has 1 arguments",
        ),
        (
            "$brooklyn:config(\"a\"",
            "`$brooklyn:config(\"a\"`: `,` or `)` must stand at its character 21",
        ),
        (
            "$brooklyn:config(\"a",
            "`$brooklyn:config(\"a`: a whole text in quotes, list or map must stand at its character 18",
        ),
        (
            "$brooklyn:config(\"a\").b",
            "`$brooklyn:config(\"a\").b`: the end of the expression must stand at its character 22",
        ),
        (
            "$brooklyn:parent(\"a\")",
            "`parent` needs nothing, and has 1 arguments",
        ),
        (
            "$brooklyn:parent().root()",
            "`root` is asked of nobody, and not of `parent()`",
        ),
        (
            "$brooklyn:formatString(\"%s\")",
            "`formatString` has 0 values for 1 times `%s`",
        ),
        (
            "$brooklyn:formatString(\"%d\", 1)",
            "`formatString` knows `%s`, and `%%` for a percent sign",
        ),
        (
            "$brooklyn:component(child, x)",
            "`component` needs the `id` of an entity in this blueprint, and has 2 arguments",
        ),
    ] {
        says(
            of(expression),
            &format!("line 4, `services[0].brooklyn.config.k`: {told}"),
        );
    }
    says(
        "services:\n- type: b\n  brooklyn.config:\n    k: {$brooklyn:config: a, b: 1}",
        "line 4, `services[0].brooklyn.config.k`: `$brooklyn:config` stands beside other keys: a call has a map of its own",
    );
}

#[test]
fn size_depth_and_what_aliases_repeat_are_bounded() {
    const TOO_MUCH: &str =
        "too much in it: 1000000 values and 16777216 bytes are the most, with all that aliases repeat";
    const TOO_DEEP: &str = "lists and maps lie too deep in each other: 48 is the most";
    let begun = Instant::now();
    says(
        vec![b' '; 100 << 20],
        "the text has 104857600 bytes, and 16777216 are the most: deploy it in several applications",
    );
    assert!(Blueprint::parse(" ".repeat(LONGEST_BLUEPRINT)).is_err());
    let deep = |depth: usize| {
        let (open, shut) = ("[".repeat(depth), "]".repeat(depth));
        format!("services: [{{type: a, brooklyn.config: {{k: {open}1{shut}}}}}]")
    };
    assert!(Blueprint::parse(deep(DEEPEST_BLUEPRINT - 5)).is_ok());
    says(deep(DEEPEST_BLUEPRINT), &format!("line 1: {TOO_DEEP}"));
    says("[".repeat(100_000), &format!("line 1: {TOO_DEEP}"));
    says("- ".repeat(100_000), &format!("line 1: {TOO_DEEP}"));
    let laughs = "abcdefghijklmnop".as_bytes().windows(2);
    let bomb = laughs.fold(String::from("a: &a [x,x,x,x,x,x,x,x,x,x]\n"), |bomb, pair| {
        let (below, name) = (char::from(pair[0]), char::from(pair[1]));
        bomb + &format!("{name}: &{name} [{}]\n", vec![format!("*{below}"); 10].join(","))
    });
    says(bomb, &format!("line 6: {TOO_MUCH}"));
    let long = |length, times| {
        format!(
            "services:\n- type: a\n  brooklyn.config:\n    a: &a {}\n    b: [{}]",
            "x".repeat(length),
            vec!["*a"; times].join(",")
        )
    };
    assert!(Blueprint::parse(long(1_000, 10_000)).is_ok());
    let shared = "- {type: a, brooklyn.config: {<<: *c, b: 2}}\n".repeat(30_000);
    let shared = Blueprint::parse(format!(
        "services:\n- {{type: a, brooklyn.config: &c {{a: 1}}}}\n{shared}"
    ));
    assert_eq!(shared.map(|b| b.services[30_000].config.len()), Ok(2));
    says(long(1_000, 20_000), &format!("line 5: {TOO_MUCH}"));
    says(long(8_000_000, 3), &format!("line 5: {TOO_MUCH}"));
    // A key that is repeated in the way of each of many values below it.
    let wide = format!(
        "services: [{{type: a, brooklyn.config: {{? {} : [{}]}}}}]",
        "k".repeat(4_000_000),
        "1,".repeat(100_000)
    );
    assert!(Blueprint::parse(wide).is_ok());
    assert!(begun.elapsed() < Duration::from_secs(60), "and in time");
}

#[test]
fn calls_lie_in_each_other_as_deep_as_can_be_read_again() {
    let of = |value: String| format!("services:\n- type: a\n  brooklyn.config:\n    k: {value}");
    let text = |depth: usize| {
        let open = "$brooklyn:formatString(\"%s\", ".repeat(depth);
        format!("'{open}a{}'", ")".repeat(depth))
    };
    let map = |depth: usize| {
        let open = "{$brooklyn:formatString: [\"%s\", ".repeat(depth);
        format!("{open}a{}", "]}".repeat(depth))
    };
    for written in [text(16), map(16)] {
        let blueprint = Blueprint::parse(of(written)).expect("as deep as may be");
        let json = blueprint.services[0].config[0].value.to_json();
        assert!(ha_rebind::blueprint::Value::from_json(&json.value()).is_ok());
    }
    const TOLD: &str =
        "line 4, `services[0].brooklyn.config.k`: calls lie too deep in each other: 16 is the most";
    says(of(text(17)), TOLD);
    says(of(map(17)), TOLD);
    // In quotes within quotes.
    let quoted = (0..17).fold("1".to_owned(), |inner, _| {
        format!(
            "[{}]",
            serde_json::Value::from(format!("$brooklyn:formatString(\"%s\", {inner})"))
        )
    });
    assert!(
        ha_rebind::blueprint::Expression::parse(&format!("$brooklyn:formatString(\"%s\", {quoted})"))
            .is_err()
    );
}

#[test]
fn an_error_is_one_short_line_whatever_is_in_it() {
    let long = "k".repeat(100_000);
    for text in [
        format!("{long}: 1"),
        format!("services: [{{type: a, ? {long} : 1}}]"),
        "services:\n- type: a\n  \"a\\nb\\u2028c\\e[31m\": 1".to_owned(),
        format!("services: [{{type: a, id: {long}}}, {{type: a, id: {long}}}]"),
        format!("services: [{{type: a, brooklyn.config: {{a: $brooklyn:{long}()}}}}]"),
        format!("services: [{{type: a, brooklyn.config: {{a: '$brooklyn:component({long})'}}}}]"),
        format!("services: [{{type: a, brooklyn.parameters: [{{name: a, type: {long}}}]}}]"),
        format!(
            "services: [{}{{type: a, brooklyn.config: {{a: $brooklyn:component(x)}}}}]",
            (0..10_000).fold(String::new(), |all, n| all + &format!("{{type: a, id: i{n}}},"))
        ),
    ] {
        let told = Blueprint::parse(text).expect_err("it is wrong").to_string();
        assert!(told.len() < 3_000, "{} bytes", told.len());
        assert!(
            !told.contains(|c: char| c.is_control() || c == '\u{2028}'),
            "{told:?}"
        );
    }
}
