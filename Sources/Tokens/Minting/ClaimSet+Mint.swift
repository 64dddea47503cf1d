// The claims of a minted token, written from those of its original.
//
// Values are copied byte by byte as they stand in the original's text, so that numbers of any size,
// escapes and nested values arrive as they were signed. What the gateway itself answers for is never
// copied: times, issuer, audience, `jti` and `type`.
//
// - `exp`: the minted token's own end.
// - `iat`: when the original was issued, where that is known, because backends compare it with the
//   last change of a password; always some seconds back, because PyJWT refuses an `iat` that lies in
//   the future by a single second, and clocks differ.
// - `nbf`: none. It could only be refused (the original's was judged here).

import Bytes
import JSON

/// What the text of a minted token's claims depends on beside its original.
struct MintedTimes {
  /// How far `iat` lies back at least: how far a backend's clock may be behind.
  static let clockDifferenceSeconds: Int64 = 5

  /// The minted token's `exp`.
  let expiration: Int64
  /// Its `iat`.
  let issuedAt: Int64
  /// First second at which it is no longer handed out.
  let handOutEnd: Int64

  init(_ facts: TokenFacts, source: Realm, rules: MintRules, nowSeconds: Int64) {
    // Sums are far from overflow: `exp` and `iat` are within ±2^53, and the others are capped. With a
    // leeway the original is good beyond its `exp`; a minted token that isn't would help nobody.
    let end = facts.expiration + source.leewaySeconds
    let latest = nowSeconds - Self.clockDifferenceSeconds
    let ownEnd = nowSeconds + rules.validSeconds
    expiration = Swift.min(ownEnd, end)
    issuedAt =
      facts.issuedAt == TokenFacts.unknownTime ? latest : Swift.min(facts.issuedAt, latest)
    // The last quarter of its life is for the request that carries it: queues, retries, a clock
    // ahead. The original's own end is an end for everybody.
    let lastQuarter = Swift.max(1, rules.lifetimeSeconds / 4)
    handOutEnd = end <= ownEnd ? end : nowSeconds + rules.lifetimeSeconds - lastQuarter
  }
}

extension ClaimSet {
  /// Appends the claims as one JSON object. The caller checks `overflowed`.
  func append(
    mintedFor use: MintedUse, _ tokenClass: TokenClass, _ times: MintedTimes, source: Realm,
    rules: MintRules, to output: inout ByteBuffer
  ) {
    let text = payload.readable
    output.append("{\"exp\":")
    output.append(decimal: Int(times.expiration))
    output.append(",\"iat\":")
    output.append(decimal: Int(times.issuedAt))
    output.append(rules.words(use, tokenClass))
    if !rules.mapsSubject {
      append(own: ",\"sub\":", claims.subject, rules.isFlask, text, to: &output)
    }
    append(own: ",\"jti\":", claims.tokenIdentifier, rules.isFlask, text, to: &output)
    for index in 0..<rules.claims.count {
      append(mapped: rules.claims[index], source, rules, text, to: &output)
    }
    copyClaims(rules, text, to: &output)
    output.append("}")
  }

  /// Appends a registered claim's value, as a string where that is all that the backend takes.
  private func append(
    own opening: StaticString, _ row: Int, _ isText: Bool, _ text: Span<UInt8>,
    to output: inout ByteBuffer
  ) {
    // Null says as much as nothing, and PyJWT refuses it.
    guard row > 0, document.kind(row) != .null else { return }
    output.append(opening)
    append(value: row, isText: isText, text, to: &output)
  }

  private func append(
    mapped claim: MintRules.Row, _ source: Realm, _ rules: MintRules, _ text: Span<UInt8>,
    to output: inout ByteBuffer
  ) {
    guard let path = claim.path else {
      output.append(claim.opening)
      return output.append(source.minting.realmName)
    }
    guard let row = document.row(of: path, in: text), document.kind(row) != .null else { return }
    output.append(claim.opening)
    append(value: row, isText: claim.isSubject && rules.isFlask, text, to: &output)
  }

  /// Copies the members that nobody wrote yet: all of them, or with `claims none` what a preset's
  /// library reads by itself.
  private func copyClaims(
    _ rules: MintRules, _ text: Span<UInt8>, to output: inout ByteBuffer
  ) {
    guard rules.copiesClaims || rules.isFlask else { return }
    var row = 1
    let end = document.next(0)
    while row < end {
      let name = row
      row = document.next(row + 1)
      if claims.isRegistered(name + 1) || isMapped(name, rules, text) { continue }
      guard rules.copiesClaims || document.string(name, in: text, equals: "fresh") else { continue }
      output.append(",\"")
      output.append(text, document.range(name))
      output.append("\":")
      append(value: name + 1, isText: false, text, to: &output)
    }
  }

  private func isMapped(_ name: Int, _ rules: MintRules, _ text: Span<UInt8>) -> Bool {
    for index in 0..<rules.claims.count where isName(name, rules.claims[index].name, text) {
      return true
    }
    return false
  }

  private func isName(_ row: Int, _ name: [UInt8], _ text: Span<UInt8>) -> Bool {
    document.string(row, in: text, equals: name.span)
  }

  /// Appends the value at `row` as it stands, an integer as a string where `isText` asks.
  private func append(
    value row: Int, isText: Bool, _ text: Span<UInt8>, to output: inout ByteBuffer
  ) {
    let quotes = document.kind(row) == .string || isText && document.isInteger(row)
    if quotes { output.append(UInt8(ascii: "\"")) }
    if isText, document.isInteger(row) {
      output.append(integer: text.slice(document.range(row)))
    } else {
      output.append(text, document.range(row))
    }
    if quotes { output.append(UInt8(ascii: "\"")) }
  }
}

extension RegisteredClaims {
  /// True for the value row of one of these claims.
  fileprivate func isRegistered(_ row: Int) -> Bool {
    row == expiration || row == notBefore || row == issuedAt || row == issuer || row == audience
      || row == subject || row == tokenIdentifier || row == type
  }
}
