//! The chapter shows the code of the example, line for line.

#[test]
fn the_code_of_the_chapter_is_that_of_the_example() {
    let chapter = include_str!("../../../docs/property-test-your-service.md");
    let example = include_str!("../examples/own_service.rs");
    let shown: Vec<&str> = chapter
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(shown.len(), 3);
    for code in shown {
        assert!(example.contains(code.trim_end()), "not in the example:\n{code}");
    }
}
