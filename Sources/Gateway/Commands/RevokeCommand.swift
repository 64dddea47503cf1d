// `gateway revoke`: tells the running gateway what is trusted no longer.

import Bytes
import EventLoop
import JSON

enum RevokeCommand {
  static let help = """
    usage: gateway revoke --token TOKEN | --jti ID | --subject S [OPTIONS]

    Revokes in the running gateway. When the command ends with 0, every worker refuses the tokens and
    the journal holds the revocation.

      --token TOKEN    this token; - reads it from standard input
      --jti ID         the token with this id
      --subject S      every token of this subject that was issued until now
      --before TIME    with --subject: issued until TIME, in seconds since 1970 or YYYY-MM-DD (UTC)
      --realm NAME     whose token it is, where there are several realms
      --admin ADDRESS  the admin address, as unix:PATH or 127.0.0.1:PORT
      --admin-token-file FILE
                       the token for --admin over TCP; with -c, the configuration names it
      -c FILE          the configuration whose admin line names it (gateway.conf); nothing else of it
                       is read, so no secret is needed

    """

  static func run(_ words: [String]) -> Int32 {
    Command.run("revoke", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(
        words,
        valued: [
          "-c", "--admin", "--admin-token-file", "--token", "--jti", "--subject", "--before",
          "--realm",
        ],
        flagged: [])
      try words.expectOperands(0...0, "nothing")
      let body = try body(words)
      guard let client = try AdminClient.make(words) else { return ExitCode.refused }
      do throws(AdminFault) {
        return tell(try client.ask(.post, "/revoke", json: body))
      } catch {
        Output.complaint("revoke: \(error.message)")
        return ExitCode.refused
      }
    }
  }

  private static func body(_ words: CommandWords) throws(UsageMistake) -> String {
    var members: [String] = []
    func add(_ name: String, _ value: String) {
      members.append("\(JSONText.quoted(name)):\(JSONText.quoted(value))")
    }
    if var token = try words.one("--token") {
      if token == "-" { token = try StandardInput.firstLine() }
      add("token", token)
    }
    if let identifier = try words.one("--jti") { add("jti", identifier) }
    let subject = try words.one("--subject")
    if let subject { add("subject", subject) }
    guard members.count == 1 else {
      throw UsageMistake(message: "say one of --token, --jti and --subject")
    }
    if let text = try words.one("--before") {
      guard subject != nil else { throw UsageMistake(message: "--before belongs to --subject") }
      guard let time = PointInTime.seconds(text) else {
        throw UsageMistake(
          message: "\"\(text)\" is neither seconds since 1970 nor a date such as 2030-01-31")
      }
      members.append("\"before\":\(time)")
    }
    if let realm = try words.one("--realm") { add("realm", realm) }
    return "{" + members.joined(separator: ",") + "}"
  }

  private static func tell(_ reply: AdminReply) -> Int32 {
    guard reply.status == 200 else {
      let message = reply.text("error") ?? "the gateway answered \(reply.status)"
      let reason = reply.text("reason").map { " (\($0))" } ?? ""
      Output.complaint("revoke: \(message)\(reason)")
      return ExitCode.refused
    }
    if reply.text("status") == "nothing_to_do" {
      Output.answer("nothing to do: the token has expired\n")
    } else {
      let realm = reply.text("realm").map { " in realm \($0)" } ?? ""
      Output.answer("revoked\(realm)\n")
    }
    return ExitCode.done
  }
}

/// Words from standard input.
enum StandardInput {
  /// The first line, without white space around it.
  static func firstLine() throws(UsageMistake) -> String {
    do throws(SystemError) {
      let bytes = try StandardStream.readInput(bytesMaximum: 64 << 10)
      let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
      let text = line.drop { $0 <= 0x20 }
      let end = text.lastIndex { $0 > 0x20 }.map { $0 + 1 } ?? text.startIndex
      return String(decoding: text[..<end], as: UTF8.self)
    } catch {
      throw UsageMistake(message: "standard input can't be read: \(error.reason)")
    }
  }
}

/// A time on the command line.
enum PointInTime {
  /// Seconds since 1970 of a number of them or of a day's first second in UTC; nil for anything else.
  static func seconds(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    if let number = bytes.span.decimalValue() { return Int64(number) }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].utf8.count == 4, parts[1].utf8.count == 2,
      parts[2].utf8.count == 2, let year = digits(parts[0]), let month = digits(parts[1]),
      let day = digits(parts[2]), year >= 1970, (1...12).contains(month)
    else { return nil }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard (1...lengths[month - 1]).contains(day) else { return nil }
    // Days by the civil calendar: leap days of the years before, then the months before.
    let before = year - 1
    let leapDays = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400)
    let days = (year - 1970) * 365 + leapDays + lengths.prefix(month - 1).reduce(0, +) + day - 1
    return Int64(days) * 86_400
  }

  private static func digits(_ text: Substring) -> Int? {
    Array(text.utf8).span.decimalValue()
  }
}
