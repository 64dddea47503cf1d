// The text exposition format that Prometheus reads, version 0.0.4.
//
//     # HELP gateway_requests_total Requests whose head was well-formed.
//     # TYPE gateway_requests_total counter
//     gateway_requests_total 17
//
// A family is told once and whole: its help, its type, its samples. Two samples of a family with the
// same labels would make a scraper drop the whole answer, so a second one is left out here; whoever
// adds samples sees to it that there is none. Names are our own source; values of labels come from
// the configuration and from key sets, so they are escaped, and cut at a length.
//
// Cold path: a scraper asks every few seconds, so `String` is good enough here. Any thread.

/// The labels of a sample, in the order told.
struct MetricLabels: ExpressibleByDictionaryLiteral {
  private(set) var pairs: [(name: StaticString, value: String)]

  init(dictionaryLiteral elements: (StaticString, String)...) {
    pairs = elements.map { (name: $0.0, value: $0.1) }
  }

  /// These and one more.
  func and(_ name: StaticString, _ value: String) -> MetricLabels {
    var labels = self
    labels.pairs.append((name: name, value: value))
    return labels
  }
}

/// Builds one answer, family by family.
struct MetricsText {
  /// What a family's numbers mean.
  enum Kind: String {
    /// Only grows; begins anew with the process.
    case counter
    /// Goes up and down.
    case gauge
  }

  /// Longest value of a label in characters; a key set's names are not ours.
  static let labelCharactersMaximum = 256

  /// The answer so far.
  private(set) var text = ""
  private var name: StaticString = ""
  /// The labels of the family's samples so far.
  private var told: Set<String> = []

  /// Begins a family; its samples follow.
  mutating func family(_ name: StaticString, _ kind: Kind, _ help: StaticString) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    self.name = name
    told.removeAll(keepingCapacity: true)
  }

  /// Adds a sample of the family; one with the labels of an earlier one is left out.
  mutating func sample(
    _ value: some BinaryInteger, _ labels: MetricLabels = [:]
  ) {
    let shown = MetricsText.render(labels)
    guard told.insert(shown).inserted else { return }
    text += "\(name)\(shown) \(value)\n"
  }

  /// Adds a family with one sample and no labels.
  mutating func add(
    _ name: StaticString, _ kind: Kind, _ help: StaticString, _ value: some BinaryInteger
  ) {
    family(name, kind, help)
    sample(value)
  }

  private static func render(_ labels: MetricLabels) -> String {
    guard !labels.pairs.isEmpty else { return "" }
    let shown = labels.pairs.map { "\($0.name)=\"\(escaped($0.value))\"" }
    return "{" + shown.joined(separator: ",") + "}"
  }

  /// A label's value between its quotes: backslash, quote and line feed escaped, as the format asks;
  /// other control characters would only confuse whoever reads it.
  private static func escaped(_ value: String) -> String {
    var out = ""
    for scalar in value.unicodeScalars.prefix(labelCharactersMaximum) {
      switch scalar {
      case "\\": out += "\\\\"
      case "\"": out += "\\\""
      case "\n": out += "\\n"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F: out += "\u{FFFD}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
