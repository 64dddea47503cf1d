// What a directive may be: the row type of the directive table, and questions to the table.
//
// The rows themselves are in `DirectiveTable.swift`. The same rows judge a configuration, suggest
// corrections and print the reference, so that the three can't disagree.

/// The kinds of block, which decide what may stand in them.
public enum Block: UInt8, Sendable, CaseIterable {
  case top
  case listen
  case admin
  case realm
  case tokenClass
  case keySet
  case mint
  case identity
  case blocklist
  case cors
  case limit
  case limits
  case upstream
  case group
  case route
  case routeLimits

  /// The block as it is named in messages.
  public var name: String {
    switch self {
    case .top: "the top level"
    case .listen: "listen { }"
    case .admin: "admin { }"
    case .realm: "realm { }"
    case .tokenClass: "access { } and refresh { }"
    case .keySet: "jwks URL { }"
    case .mint: "mint { }"
    case .identity: "identity { }"
    case .blocklist: "blocklist { }"
    case .cors: "cors { }"
    case .limit: "limit { }"
    case .limits: "limits { }"
    case .upstream: "upstream { }"
    case .group: "group { }"
    case .route: "route { }"
    case .routeLimits: "the limits { } of a route or group"
    }
  }
}

/// One row of the directive table.
public struct DirectiveRule: Sendable {
  /// The directive's name.
  public let name: String
  /// Where it may stand.
  public let contexts: [Block]
  /// Name and arguments as a reader sees them: `rate N/UNIT`.
  public let syntax: String
  /// How many arguments it takes.
  public let argumentCounts: ClosedRange<Int>
  /// True when it may be said more than once in a block.
  public let isRepeatable: Bool
  /// The kind of block that it opens, or nil.
  public let opens: Block?
  /// True when the block may be left out.
  public let blockIsOptional: Bool
  /// True when its arguments are secret.
  public let isSecret: Bool
  /// What holds when it is not said; nil when there is nothing to say.
  public let standard: String?
  /// One line of explanation.
  public let summary: String

  init(
    _ syntax: String, in contexts: [Block], _ argumentCounts: ClosedRange<Int>,
    isRepeatable: Bool = false, opens: Block? = nil, blockIsOptional: Bool = false,
    isSecret: Bool = false, standard: String? = nil, _ summary: String
  ) {
    name = String(syntax.prefix { $0 != " " })
    self.contexts = contexts
    self.syntax = syntax
    self.argumentCounts = argumentCounts
    self.isRepeatable = isRepeatable
    self.opens = opens
    self.blockIsOptional = blockIsOptional
    self.isSecret = isSecret
    self.standard = standard
    self.summary = summary
  }

  /// How many arguments it takes, in words.
  var argumentText: String {
    let (lower, upper) = (argumentCounts.lowerBound, argumentCounts.upperBound)
    func counted(_ count: Int) -> String {
      count == 0 ? "no argument" : count == 1 ? "one argument" : "\(count) arguments"
    }
    if lower == upper { return counted(lower) }
    if upper >= ConfigLimits.argumentCountMaximum { return "at least \(counted(lower))" }
    return lower == 0 ? "at most \(counted(upper))" : "\(lower) to \(upper) arguments"
  }
}

/// Questions to the directive table.
public enum Schema {
  /// The row of a name in a block, or nil.
  public static func rule(_ name: String, in block: Block) -> DirectiveRule? {
    DirectiveTable.rules.first { $0.name == name && $0.contexts.contains(block) }
  }

  /// Every row of a block, in the table's order.
  public static func rules(in block: Block) -> [DirectiveRule] {
    DirectiveTable.rules.filter { $0.contexts.contains(block) }
  }

  /// The blocks in which a name may stand.
  static func homes(of name: String) -> [Block] {
    DirectiveTable.rules.filter { $0.name == name }.flatMap(\.contexts)
  }

  /// True for a name whose arguments may be printed: it is a directive's, or surely meant to be one's,
  /// and no secret's. What nobody knows may hold anything.
  static func isShowable(_ name: String) -> Bool {
    if isSecretLike(name) { return false }
    let names = DirectiveTable.rules.map(\.name)
    return names.contains(name) || Spelling.nearest(to: name, among: names) != nil
  }

  /// True for a name whose arguments are secret, or that is one slip away from such a name: what a
  /// misspelt `secrt` holds must not be printed either.
  static func isSecretLike(_ name: String) -> Bool {
    if let rule = DirectiveTable.rules.first(where: { $0.name == name }) { return rule.isSecret }
    let lowercase = name.lowercased()
    if lowercase.holds("secret") || lowercase.holds("password") { return true }
    return DirectiveTable.rules.contains { rule in
      rule.isSecret && Spelling.distance(lowercase, rule.name, atMost: 2) != nil
    }
  }
}

/// Nearness of words, for "did you mean".
public enum Spelling {
  /// The candidate nearest to a word, when it is near enough to be meant.
  public static func nearest(to word: String, among candidates: [String]) -> String? {
    var best: (distance: Int, word: String)?
    for candidate in candidates where candidate != word {
      // A third of the word may be wrong; short words one letter.
      let bound = Swift.max(1, Swift.min(word.count, candidate.count) / 3)
      guard let distance = distance(word.lowercased(), candidate.lowercased(), atMost: bound)
      else { continue }
      if best.map({ distance < $0.distance }) ?? true { best = (distance, candidate) }
    }
    return best?.word
  }

  /// `did you mean "x"?`, or nil.
  public static func suggestion(for word: String, among candidates: [String]) -> String? {
    nearest(to: word, among: candidates).map { "did you mean \"\($0)\"?" }
  }

  /// Insertions, deletions, replacements and swaps of neighbours that make one word of the other, or
  /// nil past the bound. Words are cut at 64 characters, which bounds the work.
  static func distance(_ one: String, _ two: String, atMost bound: Int) -> Int? {
    let left = Array(one.prefix(64))
    let right = Array(two.prefix(64))
    if abs(left.count - right.count) > bound { return nil }
    var older: [Int] = []
    var old = Array(0...right.count)
    for row in 0..<left.count {
      var new = [row + 1]
      for column in 0..<right.count {
        let replaced = old[column] + (left[row] == right[column] ? 0 : 1)
        var cost = Swift.min(replaced, old[column + 1] + 1, new[column] + 1)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          cost = Swift.min(cost, older[column - 1] + 1)
        }
        new.append(cost)
      }
      older = old
      old = new
    }
    return old[right.count] <= bound ? old[right.count] : nil
  }
}
