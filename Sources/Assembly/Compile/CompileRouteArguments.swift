// The arguments of `group` and `route`: paths, methods and hosts.
//
// What a request's parts are compared with after decoding: nothing that has more than one reading.

import Config
import Policy

extension Compiler {
  /// Prefix and path put together; nil after a report. A path is what a request's path is compared
  /// with after decoding, so it holds nothing that has more than one reading.
  func path(_ argument: Argument, below prefix: String) -> String? {
    guard argument.isUsable else { return nil }
    let text = argument.text
    guard text.hasPrefix("/") else {
      return argument.refuse(log, "does not begin with /", "paths and prefixes do")
    }
    if let byte = text.utf8.first(where: { $0 <= 0x20 || $0 == 0x7F || "%;\\?#".utf8.contains($0) })
    {
      let shown = byte <= 0x20 || byte == 0x7F ? "white space" : String(UnicodeScalar(byte))
      return argument.refuse(
        log, "holds \(shown)", "write the path decoded, without query and parameters")
    }
    if text.contains("*") || text.holds("/:") || text.contains("<") || text.contains("{") {
      return argument.refuse(
        log, "holds a pattern", "a path stands for all that is below it: write the fixed part")
    }
    let segments = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    if segments.dropLast().contains("") || segments.contains(".") || segments.contains("..") {
      return argument.refuse(log, "has an empty or dot segment", "write it resolved")
    }
    let tail = text.hasSuffix("/") ? String(text.dropLast()) : text
    let joined = prefix == "/" ? tail : prefix + tail
    return joined.isEmpty ? "/" : joined
  }

  /// A method's name: letters in upper case, because methods are case-sensitive and `get` would never
  /// match.
  func method(_ argument: Argument) -> String? {
    guard argument.isUsable else { return nil }
    guard !argument.bytes.isEmpty, argument.bytes.count <= 32,
      argument.bytes.allSatisfy({ $0 &- UInt8(ascii: "A") < 26 || $0 == UInt8(ascii: "-") })
    else {
      let upper = argument.text.uppercased()
      return argument.refuse(
        log, "is not a method",
        argument.text.hasPrefix("/")
          ? "one path for each route" : "did you mean \"\(upper)\"? methods are in capitals")
    }
    return argument.text
  }

  /// `example.com` or `*.example.com`, without a port.
  func hostRule(_ argument: Argument) -> (rule: HostRule, text: String)? {
    guard argument.isUsable else { return nil }
    let text = argument.text.lowercased()
    let isWildcard = text.hasPrefix("*.")
    let name = isWildcard ? String(text.dropFirst(2)) : text
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    let isName =
      name.utf8.count <= 253
      && labels.allSatisfy { label in
        (1...63).contains(label.utf8.count)
          && label.utf8.allSatisfy { $0.isASCIIAlphanumeric || "-_".utf8.contains($0) }
      }
    let isV6 = name.hasPrefix("[") && name.hasSuffix("]") && !isWildcard
    guard isName || isV6 else {
      return argument.refuse(
        log, "is not a host", "write example.com or *.example.com, without scheme and port")
    }
    return (isWildcard ? .wildcard(name) : .exact(name), text)
  }
}
