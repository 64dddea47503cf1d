import Bytes
import HTTPWire
import Testing

@testable import Policy

/// The router against a slow model that writes every reading out and looks each one up by comparing
/// prefixes, on paths made of the letters that matter; and nonsense of all kinds against the machine.
@Suite struct ReadingModelTests {
  /// A small generator, so that every run asks the same questions.
  struct Dice {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }

    mutating func pick(_ parts: [String], _ most: Int) -> String {
      (0..<next(most + 1)).map { _ in parts[next(parts.count)] }.joined()
    }
  }

  static let routes = ["/", "/a", "/a/b", "/b", "/Ab/c"]
  static let parts = [
    "/", "/a", "/b", "/Ab", "a", "b", "c", "A", ".", "..", "%2f", "%2e", "%5c", "%3b", "%61", "%25",
    "\\",
    ";", ";x", "/..", "/.", "//", "%2F..", "\u{e9}",
  ]

  // MARK: The model

  static func decoded(_ path: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var index = 0
    while index < path.count {
      let token = PathToken(path.span, at: index)
      result.append(token.meaning)
      index += token.byteCount
    }
    return result
  }

  static func mapSegments(_ path: [UInt8], _ change: ([[UInt8]]) -> [[UInt8]]) -> [UInt8] {
    let segments = path.split(separator: 0x2f, omittingEmptySubsequences: false).map { Array($0) }
    return Array(change(segments).joined(separator: [0x2f]))
  }

  static func cut(_ path: [UInt8]) -> [UInt8] {
    mapSegments(path) { $0.map { Array($0.prefix { $0 != 0x3b }) } }
  }

  static func merged(_ path: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    for byte in path where !(byte == 0x2f && result.last == 0x2f) { result.append(byte) }
    return result
  }

  static func resolved(_ path: [UInt8], escaped: Bool) -> [UInt8] {
    mapSegments(path) { segments in
      var result: [[UInt8]] = [[]]
      for (index, segment) in segments.enumerated().dropFirst() {
        let plain = escaped ? decodedDots(segment) : segment
        let isLast = index == segments.count - 1
        switch plain.count {
        case 1 where plain == [0x2e]:
          if isLast { result.append([]) }
        case 2 where plain == [0x2e, 0x2e]:
          if result.count > 1 { result.removeLast() }
          if isLast { result.append([]) }
        default: result.append(segment)
        }
      }
      return result
    }
  }

  static func decodedDots(_ segment: [UInt8]) -> [UInt8] {
    let whole = decoded(segment)
    return whole.allSatisfy { $0 == 0x2e } ? whole : segment
  }

  /// What follows a host, for a path that begins with one as URL parsers have it.
  static func behindHost(_ path: [UInt8]) -> [UInt8]? {
    let rest = path.drop { $0 == 0x2f || $0 == 0x5c }
    guard path.count - rest.count >= 2 else { return nil }
    return Array(rest.drop { $0 != 0x2f && $0 != 0x5c })
  }

  static func readings(_ path: [UInt8]) -> Set<[UInt8]> {
    guard let rest = behindHost(path) else { return readingsOfPath(path) }
    // A backslash that begins the path is its first slash, whatever the others are.
    return readingsOfPath(path).union(readingsOfPath([0x2f] + rest.dropFirst()))
  }

  static func readingsOfPath(_ path: [UInt8]) -> Set<[UInt8]> {
    var bases: [(text: [UInt8], escaped: Bool)] = [(path, true)]
    for first in [
      path, cut(path), resolved(path, escaped: true), resolved(cut(path), escaped: true),
    ] {
      bases.append((decoded(first), false))
    }
    var all: Set<[UInt8]> = []
    for base in bases {
      for mask in 0..<16 {
        var text = base.text
        if mask & 1 != 0 { text = text.map { $0 == 0x5c ? 0x2f : $0 } }
        if mask & 2 != 0 { text = cut(text) }
        if mask & 4 != 0 { text = merged(text) }
        if mask & 8 != 0 { text = resolved(text, escaped: base.escaped) }
        all.insert(text)
      }
    }
    return all
  }

  static func select(_ path: [UInt8], folds: Bool) -> Int {
    var best = -1
    var longest = -1
    let path = folds ? path.map(\.asciiLowercased) : path
    for (index, route) in routes.enumerated() {
      var prefix = Array(route.utf8)
      if folds { prefix = prefix.map(\.asciiLowercased) }
      if prefix == [0x2f] { prefix = [] }
      guard path.starts(with: prefix), path.count == prefix.count || path[prefix.count] == 0x2f,
        prefix.count > longest
      else { continue }
      (best, longest) = (index, prefix.count)
    }
    return best
  }

  @Test(arguments: [Framework.werkzeug, .express])
  func agreesWithTheModel(framework: Framework) {
    let world = World(
      routes: Self.routes.map { RouteDefinition(path: $0, framework: framework, auth: .none) })
    var dice = Dice(state: 7)
    var ambiguous = 0
    for _ in 0..<3000 {
      let text = ["/", "/a", "/a/b", "/b"][dice.next(4)] + dice.pick(Self.parts, 8)
      let path = Array(text.utf8)
      var wanted = Set(Self.readings(path).map { Self.select($0, folds: false) })
      if framework.foldsCase {
        wanted.formUnion(Self.readings(path).map { Self.select($0, folds: true) })
      }
      let choice = world.gatekeeper.router.choose(
        path: path.span, method: .get, methodName: path.span, host: [UInt8]().span, listener: 0,
        set: world.set)
      if wanted.count == 1, let index = wanted.first {
        if case .route(let route, _) = choice.verdict {
          #expect(route == index, "\(text)")
        } else {
          Issue.record("\(text): \(choice.verdict), wanted \(index)")
        }
      } else {
        ambiguous += 1
        #expect(choice.verdict == .ambiguousPath, "\(text): \(wanted)")
      }
    }
    // The letters are chosen so that both outcomes are common.
    #expect(ambiguous > 500 && ambiguous < 2900, "\(ambiguous)")
  }

  // MARK: Nonsense

  @Test func nothingThatAPeerSendsIsATrap() throws {
    let realm = try Forge.realm {
      $0.access.places = [.authorizationBearer, .cookie("c"), .query("q")]
      $0.refresh?.places = [.bodyField("f"), .cookie("r")]
    }
    let world = World(
      PolicyDefinitions(
        realms: [realm], blocklistRealms: [0],
        corsPolicies: [CORSDefinition(origins: ["https://*.b.c"], headers: ["*"])], defaultCORS: 0,
        limits: [LimitDefinition(name: "l", permits: 1000, periodSeconds: 1, burst: 1000)],
        routes: [
          RouteDefinition(
            path: "/", strippedPrefix: "", framework: .unknown, auth: .any, realm: 0, limits: [0],
            cors: .policy(0), onSuccess: .revoke),
          RouteDefinition(
            path: "/a", strippedPrefix: "/a", framework: .express, auth: .optional, realm: 0,
            cors: .off),
          RouteDefinition(
            host: .wildcard("b.c"), methods: ["OPTIONS", "POST"], path: "/a/b", auth: .refresh,
            realm: 0),
        ]))
    var dice = Dice(state: 11)
    let token = Forge.access()
    let words = [
      "=", ";", "; ", "&", "c", "q", "r", "f", "jwt", "%", "%6a", "\"", "\\", ",", " ", "eyJ.a.b",
      token, "Bearer ", "https://", "x.b.c", "a", "\u{e9}", ":",
    ]
    for round in 0..<3000 {
      let method = ["GET", "POST", "OPTIONS", "HEAD", "X"][dice.next(5)]
      var text = "\(method) /\(dice.pick(Self.parts, 6))"
      if dice.next(3) == 0 {
        text += "?" + dice.pick(words.filter { $0 != " " && $0 != "; " && $0 != "Bearer " }, 6)
      }
      text += " HTTP/1.1\nHost: " + ["b.c", "x.b.c", "[::1]:80", "h"][dice.next(4)]
      for name in [
        "Authorization", "Cookie", "Origin", "Access-Control-Request-Method",
        "Access-Control-Request-Headers", "Content-Type",
      ] where dice.next(3) == 0 {
        text += "\n\(name): x\(dice.pick(words, 6))"
      }
      world.head.reset()
      let bytes = Array((text.replacing("\n", with: "\r\n") + "\r\n\r\n").utf8)
      // What the parser refuses never gets here.
      guard world.head.parse(bytes.span, from: 0, limits: HeadLimits()) == .complete else {
        continue
      }
      world.bytes = bytes
      world.request.reset()
      let action = world.gatekeeper.headReceived(
        world.request, head: world.head, bytes: bytes.span, peer: World.peer("192.0.2.1"),
        now: world.now, set: world.set)
      switch action {
      case .needBodyField:
        _ = world.body(dice.pick(words, 9))
        _ = world.answered(200)
      case .admit:
        #expect(world.target.hasPrefix("/") || world.target == "*")
        _ = world.lines
        _ = world.answered([200, 401, 500][dice.next(3)])
      case .deny: #expect(world.request.refusal != nil)
      case .answerPreflight, .answerRoute: break
      case .askPermit, .askRevocation, .needKey: Issue.record("nobody to ask")
      }
      #expect(world.reply != "overflow", "round \(round)")
    }
  }
}
