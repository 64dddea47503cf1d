// Fetching over TLS from real servers, good ones and bad ones.

import Bytes
import Crypto
import EventLoop
import Fetch
import TLSPeers
import Testing

struct FetchSecurityTests {
  /// Fetches from the peer of a case, by one of its names.
  private func fetch(
    _ peer: String, as name: String = "keys.test", scheme: String = "https",
    trusting authorities: TLSAuthorities = .pem(TLSPeers.shared.authorities),
    bytesMaximum: Int = 1 << 20, timeoutMilliseconds: Int = 60_000, tellsItsEnd: Bool = false
  ) throws -> Result<FetchResponse, FetchError> {
    let port = try #require(TLSPeers.shared.port(peer))
    let address = try #require(SocketAddress("127.0.0.1:\(port)"))
    let url = try #require(FetchURL("\(scheme)://\(name):\(port)/jwks.json"))
    var request = FetchRequest(
      url, at: address, tls: try TLSContext(client: authorities, protocols: ["http/1.1"]),
      responseBytesMaximum: bytesMaximum)
    request.bodyTellsItsEnd = tellsItsEnd
    do throws(FetchError) {
      return .success(try Fetch.send(request, timeoutMilliseconds: timeoutMilliseconds))
    } catch {
      return .failure(error)
    }
  }

  // MARK: Good servers

  static let good: [(String, String)] = [
    ("good", "keys.test"), ("good", "KEYS.test"), ("wildcard", "a.wild.test"),
    ("address", "127.0.0.1"), ("address", "[::1]"), ("chain", "keys.test"),
    ("tls-1.2", "keys.test"), ("tls-1.3", "keys.test"), ("slow-1.2", "keys.test"),
    ("slow-1.3", "keys.test"),
  ]

  @Test(arguments: good)
  func fetchesFromWhoProvesToBeIt(_ peer: String, _ name: String) throws {
    let response = try fetch(peer, as: name).get()
    #expect(response.status == 200)
    #expect(response.body == Array("well".utf8))
    // RFC 6066 §3: a name is sent, an address never.
    let isAddress = peer == "address"
    #expect(response.header("X-Name") == (isAddress ? "-" : name.lowercased()))
  }

  @Test func agreesOnAProtocol() throws {
    #expect(try fetch("protocol").get().header("X-Protocol") == "http/1.1")
    #expect(try fetch("good").get().header("X-Protocol") == "-", "no protocol, no quarrel")
  }

  @Test func readsALongAnswerThroughManyRecords() throws {
    #expect(try fetch("long").get().body.count == 700_000)
    #expect(try fetch("long", bytesMaximum: 699_999) == .failure(.tooLarge))
    #expect(try fetch("endless", bytesMaximum: 100_000) == .failure(.tooLarge))
  }

  @Test func doesNotFollow() throws {
    #expect(try fetch("redirect").get().status == 302)
  }

  @Test func refusesWhatItDidNotAskFor() throws {
    #expect(try fetch("compressed") == .failure(.encoded))
  }

  // MARK: Servers that are not who they should be

  struct Untrusted: Sendable, CustomTestStringConvertible {
    let peer: String
    var name = "keys.test"
    let reason: String
    var testDescription: String { "\(peer) as \(name)" }
  }

  static let untrusted: [Untrusted] = [
    Untrusted(peer: "good", name: "other.test", reason: "hostname mismatch"),
    Untrusted(peer: "good", name: "127.0.0.1", reason: "IP address mismatch"),
    Untrusted(peer: "wildcard", name: "wild.test", reason: "hostname mismatch"),
    Untrusted(peer: "wildcard", name: "a.b.wild.test", reason: "hostname mismatch"),
    Untrusted(peer: "partial-wildcard", reason: "hostname mismatch"),
    Untrusted(peer: "address", name: "127.0.0.2", reason: "IP address mismatch"),
    Untrusted(peer: "address-as-name", name: "127.0.0.1", reason: "IP address mismatch"),
    Untrusted(peer: "common-name", reason: "hostname mismatch"),
    // CVE-2025-66220.
    Untrusted(peer: "zero-in-name", reason: "hostname mismatch"),
    Untrusted(peer: "expired", reason: "certificate has expired"),
    Untrusted(peer: "self-signed", reason: "self-signed certificate"),
    Untrusted(peer: "unknown", reason: "unable to get local issuer certificate"),
    Untrusted(peer: "client-only", reason: "unsuitable certificate purpose"),
    Untrusted(peer: "small-key", reason: "EE certificate key too weak"),
    Untrusted(peer: "chain-incomplete", reason: "unable to get local issuer certificate"),
    Untrusted(peer: "leaf-as-authority", reason: "invalid CA certificate"),
  ]

  @Test(arguments: untrusted)
  func refusesWhoDoesNot(_ row: Untrusted) throws {
    guard case .failure(let error) = try fetch(row.peer, as: row.name) else {
      Issue.record("trusted")
      return
    }
    #expect(error == .insecure(.untrusted(reason: row.reason)))
  }

  @Test func theSystemDoesNotTrustStrangers() throws {
    guard case .failure(.insecure(.untrusted)) = try fetch("good", trusting: .system) else {
      Issue.record("a stranger was trusted")
      return
    }
  }

  // MARK: Servers that break

  static let broken: [(String, FetchError?)] = [
    // Something else than TLS, or TLS of old. OpenSSL's words differ between its versions.
    ("tls-1.1", nil), ("plain", nil), ("plain-first", nil), ("data-first", nil), ("alert", nil),
    ("huge-record", nil), ("wants-certificate", nil),
    ("closes", .insecure(.closedInHandshake)),
    ("cut-1.2-1", .insecure(.closedInHandshake)), ("cut-1.3-1", .insecure(.closedInHandshake)),
    ("cut-1.2-5", .insecure(.closedInHandshake)), ("cut-1.3-5", .insecure(.closedInHandshake)),
    ("cut-1.2-6", .insecure(.closedInHandshake)), ("cut-1.3-6", .insecure(.closedInHandshake)),
    ("cut-1.2-100", .insecure(.closedInHandshake)),
    ("cut-1.3-100", .insecure(.closedInHandshake)),
    ("cut-1.2-600", .insecure(.closedInHandshake)),
    ("cut-1.3-600", .insecure(.closedInHandshake)),
    ("short", .closedEarly),
    // An answer that ends with its connection, ended by somebody in between.
    ("cut", .insecure(.truncated)),
  ]

  @Test(arguments: broken)
  func refusesHalfConversations(_ peer: String, _ wanted: FetchError?) throws {
    switch (try fetch(peer), wanted) {
    case (.failure(let error), .some(let wanted)): #expect(error == wanted)
    case (.failure(.insecure(.protocolFault)), nil): break
    case (let outcome, _): Issue.record("\(peer): \(outcome)")
    }
  }

  @Test func theEndThatWasSaidIsAnEnd() throws {
    #expect(try fetch("until-close").get().body == Array("whole".utf8))
  }

  @Test func aBodyThatTellsItsEndNeedsNoOther() throws {
    #expect(try fetch("cut", tellsItsEnd: true).get().status == 200)
    #expect(try fetch("short", tellsItsEnd: true) == .failure(.closedEarly))
    #expect(try fetch("cut-1.3-600", tellsItsEnd: true) == .failure(.insecure(.closedInHandshake)))
  }

  @Test func silenceHasAnEnd() throws {
    #expect(try fetch("silent", timeoutMilliseconds: 300) == .failure(.timedOut))
  }

  @Test func plainIsPlain() throws {
    #expect(try fetch("plain", scheme: "http").get().body == Array("evil".utf8))
  }

  // MARK: Contexts and names

  @Test func refusesAuthoritiesWithoutCertificate() {
    for text in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
      #expect(throws: TLSFault.unreadableAuthorities) {
        try TLSContext(client: .pem(Array(text.utf8)))
      }
    }
  }

  @Test func refusesProtocolNamesThatHaveNoWireForm() {
    for name in ["", String(repeating: "x", count: 256)] {
      #expect(throws: TLSFault.badProtocolName) {
        try TLSContext(client: .system, protocols: [name])
      }
    }
  }

  static let names = [
    "", ".", "a..b", "a.", "-a", "a-", "a\0b", "*.test", "1.2.3", "127.1", "0x7f.1", "01.2.3.4",
    "1.2.3.256", "::g", ":", "[::1]", "a b", "ä", String(repeating: "a", count: 64),
  ]

  @Test(arguments: names)
  func refusesServerNames(_ name: String) {
    #expect(TLSServerName(name) == nil)
  }
}
