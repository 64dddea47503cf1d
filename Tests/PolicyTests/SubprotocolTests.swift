// A token among the subprotocols of a WebSocket handshake: where a browser's script can put one.

import Bytes
import HTTPWire
import Testing

@testable import Policy

@Suite struct SubprotocolTests {
  static let token = Forge.access()
  static let other = Forge.access("\"sub\":\"7\",\"exp\":1700000900")
  static let field = "Sec-WebSocket-Protocol"

  static func handshake(_ path: String, _ lines: [String]) -> String {
    (["GET \(path) HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k"]
      + lines).joined(separator: "\n")
  }

  /// What is left of the subprotocols for the backend.
  private func forwarded(_ world: World) -> [String] {
    world.lines.filter { $0.lowercased().hasPrefix("sec-websocket-protocol") }
  }

  @Test(
    arguments: [
      ("the pair alone", ["bearer, \(token)"], "route 2", [], true),
      ("without a space", ["bearer,\(token)"], "route 2", [], true),
      ("empty elements between", [", bearer ,, \(token) ,"], "route 2", [], true),
      ("the word in capitals", ["Bearer, \(token)"], "route 2", [], true),
      ("over two lines", ["bearer", token], "route 2", [], true),
      ("another before", ["chat, bearer, \(token)"], "route 2", ["chat"], false),
      ("another behind", ["bearer, \(token), chat"], "route 2", ["chat"], false),
      ("others around", ["v1, bearer, \(token), v2"], "route 2", ["v1, v2"], false),
      ("another line before", ["chat", "bearer, \(token)"], "route 2", ["chat"], false),
      ("pair over lines with others", ["a, bearer", "\(token), b"], "route 2", ["a", "b"], false),
      ("none", ["chat"], "401 missing", nil, false),
      ("no field", [], "401 missing", nil, false),
      ("the word without a token", ["bearer"], "401 malformed", nil, false),
      ("the word at the end", ["chat, bearer"], "401 malformed", nil, false),
      ("not a token", ["bearer, chat"], "401 malformed", nil, false),
      ("a bad signature", ["bearer, \(token)x"], "401 bad_signature", nil, false),
      (
        "two pairs", ["bearer, \(token), bearer, \(token)"], "400 ambiguous_credentials", nil, false
      ),
      (
        "two pairs over lines", ["bearer, \(token)", "bearer, \(other)"],
        "400 ambiguous_credentials", nil, false
      ),
      ("the word twice", ["bearer, bearer, \(token)"], "400 ambiguous_credentials", nil, false),
      ("the token alone", [token], "401 missing", nil, false),
      ("another word", ["jwt, \(token)"], "401 missing", nil, false),
      ("the word as a prefix", ["bearerx, \(token)"], "401 missing", nil, false),
    ] as [(String, [String], String, [String]?, Bool)])
  func findsThePair(
    name: String, values: [String], want: String, left: [String]?, chooses: Bool
  ) throws {
    let world = try AuthTests.world()
    let lines = values.map { "\(Self.field): \($0)" }
    #expect(world.verdict(Self.handshake("/required", lines)) == want, "\(name)")
    guard let left else { return }
    #expect(forwarded(world) == left.map { "\(Self.field): \($0)" }, "\(name)")
    #expect(world.request.choosesBearer == chooses, "\(name)")
  }

  @Test(arguments: [
    ("the same in Authorization", "Authorization: Bearer \(token)", "route 2"),
    ("another in Authorization", "Authorization: Bearer \(other)", "400 ambiguous_credentials"),
    ("rubbish in Authorization", "Authorization: Bearer x", "400 ambiguous_credentials"),
    ("the same in a cookie", "Cookie: access_token_cookie=\(token)", "route 2"),
    ("another in a cookie", "Cookie: access_token_cookie=\(other)", "400 ambiguous_credentials"),
  ])
  func comparesItWithOtherPlaces(name: String, line: String, want: String) throws {
    let world = try AuthTests.world()
    let lines = ["\(Self.field): bearer, \(Self.token)", line]
    #expect(world.verdict(Self.handshake("/required", lines)) == want, "\(name)")
  }

  @Test func comparesItWithATokenInTheQuery() throws {
    let world = try AuthTests.world()
    let lines = ["\(Self.field): bearer, \(Self.token)"]
    #expect(world.verdict(Self.handshake("/required?jwt=\(Self.token)", lines)) == "route 2")
    #expect(world.target == "/required")
    #expect(
      world.verdict(Self.handshake("/required?jwt=\(Self.other)", lines))
        == "400 ambiguous_credentials")
  }

  /// The place belongs to the access class; where nothing is judged nothing is read.
  @Test func heedsTheRoutesRule() throws {
    let world = try AuthTests.world()
    let pair = "\(Self.field): bearer, \(Self.token)"
    #expect(world.verdict(Self.handshake("/none", [pair])) == "route 0")
    #expect(forwarded(world) == [pair])
    #expect(!world.request.choosesBearer)
    #expect(world.verdict(Self.handshake("/optional", [pair])) == "route 1")
    #expect(world.request.token != nil)
    #expect(
      world.verdict(Self.handshake("/optional", ["\(Self.field): bearer, x"])) == "401 malformed")
    #expect(world.verdict(Self.handshake("/any", [pair])) == "route 4")
    #expect(forwarded(world) == [])
    // Not judged here, and not shown to the backend either.
    #expect(world.verdict(Self.handshake("/refresh", [pair])) == "401 missing")
    let refresh = "Authorization: Bearer \(Forge.refresh())"
    #expect(world.verdict(Self.handshake("/refresh", [pair, refresh])) == "route 3")
    #expect(forwarded(world) == [])
    #expect(world.request.choosesBearer)
  }

  @Test func readsNothingOnOrdinaryRequests() throws {
    let world = try AuthTests.world()
    let pair = "\(Self.field): bearer, \(Self.token)"
    #expect(world.verdict("GET /required HTTP/1.1\n\(pair)") == "401 missing")
    let h2c = "GET /required HTTP/1.1\nConnection: Upgrade\nUpgrade: h2c\n\(pair)"
    #expect(world.verdict(h2c) == "401 missing")
    let both = "GET /required HTTP/1.1\n\(pair)\nAuthorization: Bearer \(Self.token)"
    #expect(world.verdict(both) == "route 2")
    #expect(forwarded(world) == [pair])
  }

  @Test func spellsTheChoiceAsTheClientDid() throws {
    let world = try AuthTests.world()
    world.ask(Self.handshake("/required", ["\(Self.field): BeArEr, \(Self.token)"]))
    var buffer = ByteBuffer(capacity: 256)
    let bytes = world.bytes
    world.request.appendChosenSubprotocol(bytes: bytes.span, to: &buffer)
    #expect(String(lossy: buffer.readable) == "Sec-WebSocket-Protocol: BeArEr\r\n")
  }

  /// Another spelling would reach a WSGI backend as the real one, with a token that nobody judged.
  @Test func takesNoOtherSpellingOfTheField() throws {
    let headerGuard = try AuthTests.world().set.headerGuard
    for (name, want) in [
      ("Sec-WebSocket-Protocol", false), ("sec-websocket-protocol", false),
      ("Sec_WebSocket_Protocol", true), ("sec.websocket-protocol", true),
    ] {
      let bytes = Array(name.utf8)
      let isGuarded = headerGuard.isGuarded(name: bytes.span)
      #expect(isGuarded == want, "\(name)")
      let isGuardedBehindTheBody = headerGuard.isGuarded(name: bytes.span, asTrailer: true)
      #expect(isGuardedBehindTheBody, "\(name)")
    }
  }

  @Test func endsAtABoundOfElements() throws {
    let world = try AuthTests.world()
    let many = String(repeating: "bearer, ", count: CredentialFinder.droppedMaximum + 1)
    let verdict = world.verdict(
      Self.handshake("/optional", ["\(Self.field): \(many)\(Self.token)"]))
    #expect(verdict == "400 ambiguous_credentials")
  }

  @Test func forgetsItBetweenRequests() throws {
    let world = try AuthTests.world()
    world.ask(Self.handshake("/required", ["\(Self.field): bearer, \(Self.token)"]))
    #expect(world.request.choosesBearer)
    world.ask(Self.handshake("/required", ["Authorization: Bearer \(Self.token)"]))
    #expect(!world.request.choosesBearer)
  }

  /// A search that gives up at its bound has seen `chat`, and dropped nothing yet.
  @Test func forgetsWhatAnUnfinishedSearchHasSeen() throws {
    let world = try AuthTests.world()
    let cookies = Array(
      repeating: "token=\(Self.token)", count: CredentialFinder.droppedMaximum)
    let lines = [
      "Cookie: \(cookies.joined(separator: "; "))", "\(Self.field): chat, bearer, \(Self.token)",
    ]
    let verdict = world.verdict(Self.handshake("/required", lines))
    #expect(verdict == "400 ambiguous_credentials")
    world.ask(Self.handshake("/required", ["\(Self.field): bearer, \(Self.token)"]))
    #expect(world.request.choosesBearer)
  }
}
