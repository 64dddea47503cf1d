// `respond` and `redirect`: routes that need no backend.
//
// A redirect's target is taken apart here, once: what a request puts into it can then never move the
// end of the authority, so no client is led to a host that nobody wrote down.

import Bytes
import Config
import HTTPWire
import JSON
import Policy

extension Compiler {
  /// Who answers a route: `upstream`, `respond` or `redirect` of a block; nil when it says none.
  func routeTarget(_ body: [Directive]) -> RouteTarget? {
    let said = body.filter {
      $0.isSound && $0.opens == nil && ["upstream", "respond", "redirect"].contains($0.name)
    }
    guard let directive = said.first else { return nil }
    if let second = said.dropFirst().first, second.name != directive.name {
      log.error(
        "\(second.name) beside \(directive.name)", at: second.span,
        hint: "a route has one of upstream, respond and redirect; the other is at "
          + directive.span.place)
      return nil
    }
    let written = directive.arguments.map(\.written).joined(separator: " ")
    switch directive.name {
    case "respond":
      return respond(directive).map { .answer($0, text: "respond \(written)") }
    case "redirect":
      return redirect(directive).map { .answer($0, text: "redirect \(written)") }
    default:
      return directive.arguments.first.flatMap { upstreamNames.index($0, log) }
        .map { .upstream($0) }
    }
  }

  // MARK: respond

  /// `respond STATUS [BODY]` or `respond health`.
  private func respond(_ directive: Directive) -> RouteAnswer? {
    guard let first = directive.arguments.first, first.isUsable else { return nil }
    let body = directive.arguments.count > 1 ? directive.arguments[1] : nil
    if first.text == "health" {
      guard body == nil else {
        return body?.refuse(log, "has no meaning here", "write respond health;")
      }
      return .health
    }
    guard let status = ConfigValue.status(first) else {
      return first.refuse(log, "is not a status", "write respond 200 BODY; or respond health;")
    }
    guard (200...599).contains(status) else {
      return first.refuse(log, "is out of range", "from 200 to 599")
    }
    switch status {
    case 401, 407:
      return first.refuse(
        log, "is about a token alone", "say auth required; and the gateway answers 401 itself")
    case 301, 302, 303, 307, 308:
      return first.refuse(log, "leads nowhere", "write redirect \(status) TARGET;")
    case 204, 205, 304:
      if let body { return body.refuse(log, "can't be sent: \(status) has no body", nil) }
    default: break
    }
    guard let body else { return .respond(status: status, body: [], isJSON: false) }
    guard body.isUsable else { return nil }
    return .respond(status: status, body: body.bytes, isJSON: Self.isJSON(body.bytes))
  }

  /// True for a JSON object or array: a bare number or word is meant as text.
  private static func isJSON(_ bytes: [UInt8]) -> Bool {
    let document = JSONDocument(nodeMaximum: bytes.count + 1)
    guard document.parse(bytes.span) == .valid else { return false }
    return document.kind(0) == .object || document.kind(0) == .array
  }

  // MARK: redirect

  /// `redirect [STATUS] TARGET`.
  private func redirect(_ directive: Directive) -> RouteAnswer? {
    guard let last = directive.arguments.last, last.isUsable else { return nil }
    var status = 302
    if directive.arguments.count > 1 {
      let first = directive.arguments[0]
      guard first.isUsable else { return nil }
      if first.text.hasPrefix("/") || first.text.holds("://") {
        return first.refuse(log, "is not a status", "the status stands first: redirect 301 TARGET;")
      }
      let choices = [301, 302, 303, 307, 308].map { ("\($0)", $0) }
      guard let given = first.word(log, choices) else { return nil }
      status = given
    }
    return redirectTarget(last).map { .redirect(status: status, $0) }
  }

  private func redirectTarget(_ argument: Argument) -> RedirectTarget? {
    let hint = "write https://example.com/path, https://$host$request_uri or /path"
    // What a browser would read in another way, or what could not stand in a header.
    guard argument.bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !"\\\"<>^`{|}".utf8.contains($0) })
    else {
      return argument.refuse(log, "holds a byte that no URL has", "percent-encode it")
    }
    var text = argument.text
    var target = RedirectTarget(opening: "")
    if text.hasSuffix("$request_uri") {
      target.endsWithRequest = true
      text = String(text.dropLast("$request_uri".utf8.count))
      if text.contains("?") || text.contains("#") {
        return argument.refuse(
          log, "has $request_uri in its query",
          "a client could add parameters of its own: $request_uri continues a path")
      }
      if text.hasSuffix("/") {
        return argument.refuse(
          log, "has a slash before $request_uri",
          "$request_uri begins with one, and // would be the beginning of a host")
      }
    }
    for scheme in ["https://", "http://"] where text.hasPrefix(scheme) {
      target.opening = scheme
      text = String(text.dropFirst(scheme.count))
    }
    if target.opening.isEmpty {
      guard text.hasPrefix("/"), !text.hasPrefix("//") else {
        return argument.refuse(log, "is no target of a redirect", hint)
      }
    } else if text.hasPrefix("$host") {
      target.namesHost = true
      text = String(text.dropFirst("$host".utf8.count))
      // `$host.example.com` would be a host that the client completes.
      guard text.first.map({ ":/?#".contains($0) }) ?? true else {
        return argument.refuse(
          log, "continues $host", "behind $host stands a port, a path, or $request_uri")
      }
    }
    if text.contains("$") {
      return argument.refuse(
        log, "holds a variable that is unknown or out of place",
        "there is $host behind http:// or https://, and $request_uri at the end")
    }
    target.rest = text
    if !target.opening.isEmpty {
      let end = text.firstIndex { "/?#".contains($0) } ?? text.endIndex
      let authority = Array((target.namesHost ? "x" : "").utf8) + Array(text[..<end].utf8)
      guard Authority.isValid(authority.span) else {
        return argument.refuse(log, "has no host, or not a good one", hint)
      }
    }
    return target
  }
}

/// Who answers a route.
enum RouteTarget {
  case upstream(Int)
  case answer(RouteAnswer, text: String)
}

extension ConfigValue {
  /// Three digits.
  fileprivate static func status(_ argument: Argument) -> Int? {
    argument.bytes.count == 3 ? argument.bytes.span.decimalValue() : nil
  }
}
