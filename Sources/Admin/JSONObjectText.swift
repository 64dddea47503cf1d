// The JSON of the admin server's answers: small objects, built as text.
//
// Cold path: a person or a probe asks now and then, so `String` is good enough here. Any thread.

import JSON

/// Builds the text of one JSON object, member by member.
struct JSONObjectText {
  private var members: [String] = []

  /// The object.
  var text: String { "{" + members.joined(separator: ",") + "}" }

  /// Adds a string.
  mutating func add(_ name: String, _ value: String) {
    add(name, json: JSONText.quoted(value))
  }

  /// Adds a word of our own source.
  mutating func add(_ name: String, word value: StaticString) {
    add(name, value.description)
  }

  /// Adds a whole number.
  mutating func add(_ name: String, _ value: some BinaryInteger) {
    add(name, json: String(value))
  }

  /// Adds `true` or `false`.
  mutating func add(_ name: String, _ value: Bool) {
    add(name, json: value ? "true" : "false")
  }

  /// Adds a list of strings.
  mutating func add(_ name: String, _ values: [String]) {
    add(name, elements: values.map { JSONText.quoted($0) })
  }

  /// Adds another object.
  mutating func add(_ name: String, _ object: JSONObjectText) {
    add(name, json: object.text)
  }

  /// Adds a list of objects.
  mutating func add(_ name: String, _ objects: [JSONObjectText]) {
    add(name, elements: objects.map(\.text))
  }

  private mutating func add(_ name: String, elements: [String]) {
    add(name, json: "[" + elements.joined(separator: ",") + "]")
  }

  private mutating func add(_ name: String, json: String) {
    members.append(JSONText.quoted(name) + ":" + json)
  }
}
