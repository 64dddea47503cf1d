// Remembering which tokens' signatures held, so that a token signed with a key pair is verified once
// and then costs about what one with a shared secret does.
//
//     set 0:  | row | row | row | row |
//     set 1:  | row | row | row | row |     a token's hash chooses the set, any row of it holds it
//       ...
//
// What is remembered is one fact: this realm's key number so made the signature of exactly these
// bytes. Nothing that can change is (CVE-2021-32701): claims are read and judged anew for each
// request, and so are times, the key's own end, revocation and the route's rules. Only accepted
// tokens enter, so that strangers can't push others out. A realm that is made anew has another
// serial, so that no row of the old one counts.
//
// A token is known by a keyed hash of all its bytes, 128 bits under a key drawn at start: nobody
// outside can aim for another token's row.
//
// Bounded: 8192 rows of 32 bytes, made when the first such token is accepted. One worker.

import Bytes

/// A worker's memory of signatures.
final class SignatureMemory {
  /// Rows of a set; a lookup compares so many.
  static let wayCount = 4
  static let setCount = 2048
  /// Most tokens that are remembered.
  static let tokenCountMaximum = wayCount * setCount

  private struct Row {
    var high: UInt64 = 0
    var low: UInt64 = 0
    /// First second at which the token is dead; a row that was never used is dead since ever.
    var expiration = Int64.min
    /// Serial of the realm; 0 is none's.
    var serial: UInt32 = 0
    var keyIndex: UInt16 = 0
  }

  private var rows = [Row](repeating: Row(), count: tokenCountMaximum)
  private let key = SipKey.random()

  /// The hash that stands for a token.
  func hash(_ token: Span<UInt8>) -> Hash128 {
    var hash = SipHash128(key)
    hash.combine(UInt64(token.count))
    hash.combine(token)
    return hash.finish()
  }

  /// The key that made a token's signature, nil when that is not known.
  func keyIndex(_ token: Hash128, _ serial: UInt32) -> Int? {
    let first = Self.firstRow(token)
    for index in first..<(first + Self.wayCount)
    where rows[index].low == token.low && rows[index].high == token.high
      && rows[index].serial == serial
    {
      return Int(rows[index].keyIndex)
    }
    return nil
  }

  /// Remembers a token that was accepted, in place of one that is dead or dies first.
  func remember(
    _ token: Hash128, _ serial: UInt32, keyIndex: Int, expiration: Int64, nowSeconds: Int64
  ) {
    let first = Self.firstRow(token)
    var victim = first
    for index in first..<(first + Self.wayCount) {
      if rows[index].expiration <= nowSeconds {
        victim = index
        break
      }
      if rows[index].expiration < rows[victim].expiration { victim = index }
    }
    rows[victim] = Row(
      high: token.high, low: token.low, expiration: expiration, serial: serial,
      keyIndex: UInt16(clamping: keyIndex))
  }

  /// Number of living tokens: tests.
  func count(nowSeconds: Int64) -> Int { rows.count { $0.expiration > nowSeconds } }

  private static func firstRow(_ token: Hash128) -> Int {
    Int(truncatingIfNeeded: token.low & UInt64(setCount - 1)) * wayCount
  }
}

/// How often the signature of an asymmetric key was computed and how often remembered.
public struct SignatureCounts: Sendable, Equatable {
  /// Tokens whose signature had to be verified, good or bad.
  public var verified: UInt64 = 0
  /// Tokens whose signature was known to be good.
  public var remembered: UInt64 = 0

  /// Counts at zero.
  public init() {}
}
