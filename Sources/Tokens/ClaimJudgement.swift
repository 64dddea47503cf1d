// Whether a verified token's claims meet a route's requirements (`require`, DESIGN §5.1).
//
// A claim that isn't there is `missing_claim`, one that says something else `insufficient_scope`.
// Null counts as absent. Warm, nothing is allocated.

import Bytes
import JSON

extension ClaimSet {
  /// The reason why the claims don't meet `requirements`, nil when all lines hold.
  func judge(_ requirements: ClaimRequirements, nowSeconds: Int64) -> DenialReason? {
    let text = payload.readable
    guard document.count > 0 else { return .missingClaim }
    for index in 0..<requirements.rows.count {
      if let reason = judge(requirements.rows[index], text, nowSeconds) { return reason }
    }
    return nil
  }

  /// The same for each line: nil where it holds. For telling all of them.
  func judgeEach(_ requirements: ClaimRequirements, nowSeconds: Int64) -> [DenialReason?] {
    let text = payload.readable
    var reasons: [DenialReason?] = []
    for row in requirements.rows {
      reasons.append(document.count > 0 ? judge(row, text, nowSeconds) : .missingClaim)
    }
    return reasons
  }

  /// True when `csrf` is a string of these bytes. One with escapes is none: the library's are UUIDs.
  func csrfEquals(_ value: Span<UInt8>) -> Bool {
    let text = payload.readable
    guard let row = document.member("csrf", of: 0, in: text), document.kind(row) == .string,
      !document.isEscaped(row)
    else { return false }
    let range = document.range(row)
    guard !range.isEmpty, range.count == value.count else { return false }
    var difference: UInt8 = 0
    for index in 0..<value.count { difference |= text[range.lower + index] ^ value[index] }
    return difference == 0
  }

  private func judge(
    _ rule: ClaimRequirements.Row, _ text: Span<UInt8>, _ nowSeconds: Int64
  ) -> DenialReason? {
    guard let row = firstPresent(rule.claims, text) else { return .missingClaim }
    switch rule.kind {
    case .presence: return isEmpty(row) ? .missingClaim : nil
    case .fresh: return isFresh(row, text, nowSeconds) ? nil : .insufficientScope
    case .scopes, .values: return holds(row, rule, text) ? nil : .insufficientScope
    }
  }

  private func firstPresent(_ claims: [ClaimPath], _ text: Span<UInt8>) -> Int? {
    for index in 0..<claims.count {
      if let row = document.row(of: claims[index], in: text), document.kind(row) != .null {
        return row
      }
    }
    return nil
  }

  /// True for a value without contents.
  private func isEmpty(_ row: Int) -> Bool {
    switch document.kind(row) {
    case .null: true
    case .string: document.range(row).isEmpty
    case .array, .object: document.next(row) == row + 1
    case .number, .yes, .no: false
    }
  }

  /// As Flask-JWT-Extended reads `fresh`; a time counts, as `exp` does, until its second begins.
  private func isFresh(_ row: Int, _ text: Span<UInt8>, _ nowSeconds: Int64) -> Bool {
    switch document.kind(row) {
    case .yes: true
    case .number: document.seconds(row, in: text).map { nowSeconds < $0 } ?? false
    case .no, .null, .string, .array, .object: false
    }
  }

  /// True when the value, or an element of the array, is one of the rule's values.
  private func holds(
    _ row: Int, _ rule: ClaimRequirements.Row, _ text: Span<UInt8>
  ) -> Bool {
    guard document.kind(row) == .array else {
      if rule.kind == .scopes { return hasWord(row, rule, text) }
      return isValue(row, rule, text)
    }
    var element = row + 1
    let end = document.next(row)
    while element < end {
      if isValue(element, rule, text) { return true }
      element = document.next(element)
    }
    return false
  }

  /// True when the scalar at `row` is one of the values: a string's text, an integer's digits, `true`
  /// or `false`. What has no text is none of them.
  private func isValue(
    _ row: Int, _ rule: ClaimRequirements.Row, _ text: Span<UInt8>
  ) -> Bool {
    for index in 0..<rule.values.count
    where isValue(row, rule.values[index], rule.kind == .values, text) { return true }
    return false
  }

  /// The same for one value; `takesAll` false for strings only.
  private func isValue(
    _ row: Int, _ value: [UInt8], _ takesAll: Bool, _ text: Span<UInt8>
  ) -> Bool {
    switch document.kind(row) {
    case .string: document.string(row, in: text, equals: value.span)
    case .number:
      takesAll && document.isInteger(row) && text.slice(document.range(row)).equals(value.span)
    case .yes: takesAll && value.span.equals("true")
    case .no: takesAll && value.span.equals("false")
    case .null, .array, .object: false
    }
  }

  /// True when one of the words of the string at `row` is one of the values. A string with escapes is
  /// taken whole: no scope needs any.
  private func hasWord(
    _ row: Int, _ rule: ClaimRequirements.Row, _ text: Span<UInt8>
  ) -> Bool {
    guard document.kind(row) == .string, !document.isEscaped(row) else {
      return isValue(row, rule, text)
    }
    let bytes = text.slice(document.range(row))
    var start = 0
    while start < bytes.count {
      var end = start
      while end < bytes.count, bytes[end] != UInt8(ascii: " ") { end += 1 }
      for index in 0..<rule.values.count
      where Self.equals(bytes.slice(from: start, to: end), rule.values[index]) { return true }
      start = end + 1
    }
    return false
  }

  private static func equals(_ word: Span<UInt8>, _ value: [UInt8]) -> Bool {
    word.equals(value.span)
  }
}

extension JSONDocument {
  /// The row of a claim: a member of exactly that name, or else the path's end.
  func row(of claim: ClaimPath, in text: Span<UInt8>) -> Int? {
    member(claim.whole.span, of: 0, in: text)
      ?? (claim.steps.isEmpty ? nil : member(path: claim.steps, of: 0, in: text))
  }
}
