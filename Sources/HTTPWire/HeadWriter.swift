// Writes request lines, status lines and fields (RFC 9112 §3, §4).
//
// Nothing is checked here: names and values come from the parser, from the configuration or from
// code, and each of these is answerable for legal bytes.

import Bytes

/// Writing heads.
public enum HeadWriter {
  /// Appends `HTTP/1.1 STATUS REASON CRLF` with the registered reason phrase.
  public static func append(status: Int, to buffer: inout ByteBuffer) {
    buffer.append("HTTP/1.1 ")
    buffer.append(decimal: status)
    buffer.append(UInt8(ascii: " "))
    buffer.append(reasonPhrase(of: status))
    buffer.append("\r\n")
  }

  /// Appends `name: value CRLF`.
  public static func append(
    name: StaticString, value: Span<UInt8>, to buffer: inout ByteBuffer
  ) {
    buffer.append(name)
    buffer.append(": ")
    buffer.append(value)
    buffer.append("\r\n")
  }

  /// Appends `name: value CRLF`.
  public static func append(
    name: Span<UInt8>, value: Span<UInt8>, to buffer: inout ByteBuffer
  ) {
    buffer.append(name)
    buffer.append(": ")
    buffer.append(value)
    buffer.append("\r\n")
  }

  /// Appends `name: value CRLF`.
  public static func append(
    name: StaticString, value: StaticString, to buffer: inout ByteBuffer
  ) {
    buffer.append(name)
    buffer.append(": ")
    buffer.append(value)
    buffer.append("\r\n")
  }

  /// Appends `name: number CRLF`.
  public static func append(name: StaticString, decimal: Int, to buffer: inout ByteBuffer) {
    buffer.append(name)
    buffer.append(": ")
    buffer.append(decimal: decimal)
    buffer.append("\r\n")
  }

  /// The registered reason phrase of a status (RFC 9110 §15, RFC 6585), or an empty one.
  public static func reasonPhrase(of status: Int) -> StaticString {
    switch status {
    case 100: "Continue"
    case 101: "Switching Protocols"
    case 102: "Processing"
    case 103: "Early Hints"
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 203: "Non-Authoritative Information"
    case 204: "No Content"
    case 205: "Reset Content"
    case 206: "Partial Content"
    case 300: "Multiple Choices"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 402: "Payment Required"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 406: "Not Acceptable"
    case 407: "Proxy Authentication Required"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 410: "Gone"
    case 411: "Length Required"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 416: "Range Not Satisfiable"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 422: "Unprocessable Content"
    case 426: "Upgrade Required"
    case 428: "Precondition Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    case 507: "Insufficient Storage"
    default: ""
    }
  }
}
