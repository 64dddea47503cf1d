// What the configuration says about one CORS policy, before it is compiled.

/// One `cors` block.
public struct CORSDefinition: Sendable, Equatable {
  /// Origins as browsers send them (`https://app.example.com`, no path, no trailing slash), `*`
  /// alone for any, or with one leading wildcard label (`https://*.example.com`).
  public var origins: [String]
  /// Methods that a preflight may ask for; empty means those that the routes take.
  public var methods: [String]
  /// Request fields that a preflight may ask for; empty means the usual ones
  /// (`CORSPolicy.usualHeaders`), `*` alone any.
  public var headers: [String]
  /// Response fields that scripts may read.
  public var expose: [String]
  /// True when cookies and Authorization may be sent.
  public var credentials: Bool
  /// Seconds for which a browser may remember a preflight's answer; nil leaves it to the browser.
  public var maxAgeSeconds: Int?

  /// Makes a policy.
  public init(
    origins: [String], methods: [String] = [], headers: [String] = [], expose: [String] = [],
    credentials: Bool = false, maxAgeSeconds: Int? = nil
  ) {
    self.origins = origins
    self.methods = methods
    self.headers = headers
    self.expose = expose
    self.credentials = credentials
    self.maxAgeSeconds = maxAgeSeconds
  }
}
