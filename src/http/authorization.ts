/** Credentials on their way to a server. They belong to its origin: scheme, host and port. */

/** The value of an `Authorization` header, which no origin but its own ever gets. */
export class Authorization {
  readonly origin: string;
  // Private in the strict sense, so that neither inspecting nor serialising an object that holds it shows it.
  readonly #value: string;

  /** @param url of the server that the value is for */
  constructor(url: URL, value: string) {
    this.origin = url.origin;
    this.#value = value;
  }

  /** A name and a password (RFC 7617). */
  static basic(url: URL, username: string, password: string): Authorization {
    return new Authorization(url, `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`);
  }

  /** A token (RFC 6750). */
  static bearer(url: URL, token: string): Authorization {
    return new Authorization(url, `Bearer ${token}`);
  }

  /** The headers that it adds to a request: none where the request goes to another origin. */
  headersFor(url: URL): { readonly authorization?: string } {
    return url.origin === this.origin ? { authorization: this.#value } : {};
  }
}
