using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Harness.Nbd;

/// <summary>What carries a connection.</summary>
public enum NbdTransport : byte
{
    /// <summary>TCP over IPv4 or IPv6.</summary>
    Tcp,

    /// <summary>A Unix stream socket.</summary>
    Unix,
}

/// <summary>
/// Where an export is: <c>nbd://host[:port]/export</c> or <c>nbd+unix:///export?socket=PATH</c>. The NBD URI text, doc/uri.md. Immutable; any thread may read
/// it.
/// </summary>
public sealed record NbdUri
{
    /// <summary>The port that IANA gave to NBD; taken where a URI names none.</summary>
    public const int DefaultPort = 10809;

    /// <summary>TCP or a Unix socket.</summary>
    public NbdTransport Transport { get; init; }

    /// <summary>TCP: a name or an address, IPv6 without brackets; otherwise empty.</summary>
    public string Host { get; init; } = string.Empty;

    /// <summary>TCP: 1 to 65,535, or 0 to listen on a port of the kernel's choice; otherwise 0.</summary>
    public int Port { get; init; }

    /// <summary>Unix: the socket's path, at most 107 bytes; otherwise empty.</summary>
    public string SocketPath { get; init; } = string.Empty;

    /// <summary>The export's name, decoded; empty for the default export.</summary>
    public string ExportName { get; init; } = string.Empty;

    /// <summary>Parses a URI. Never throws.</summary>
    /// <param name="text">What the user typed.</param>
    /// <param name="uri">The URI, where it is good.</param>
    /// <param name="error">One line that names what is wrong and what to do; or empty.</param>
    public static bool TryParse(string? text, [NotNullWhen(true)] out NbdUri? uri, out string error)
        => NbdUriParser.TryParse(text ?? string.Empty, out uri, out error);

    /// <summary>Parses a URI that should be good, such as one written in a program.</summary>
    /// <param name="text">The URI.</param>
    /// <exception cref="FormatException">It is not one; the message says what is wrong.</exception>
    public static NbdUri Parse(string text) => TryParse(text, out NbdUri? uri, out string error) ? uri : throw new FormatException(error);

    /// <summary>Whether a client can connect to it: port 0 is only for listening.</summary>
    /// <param name="error">One line that says what is wrong, or empty.</param>
    public bool TryCheckConnectable(out string error)
    {
        error = Transport == NbdTransport.Tcp && Port == 0 ? $"{this} has port 0, which is only for listening; name the server's port" : string.Empty;
        return error.Length == 0;
    }

    /// <summary>The URI in its normal form, which parses to an equal value. A port that is the default is left out.</summary>
    public override string ToString()
    {
        if (Transport == NbdTransport.Unix)
        {
            return $"nbd+unix:///{Encode(ExportName)}?socket={Encode(SocketPath)}";
        }

        // The zone of a link-local address is set off by "%", which a URI writes as %25 (RFC 6874).
        string host = Host.Contains(':') ? $"[{Host.Replace("%", "%25", StringComparison.Ordinal)}]" : Host;
        var text = new StringBuilder("nbd://").Append(host);
        if (Port != DefaultPort)
        {
            text.Append(':').Append(Port);
        }

        return ExportName.Length == 0 ? text.ToString() : text.Append('/').Append(Encode(ExportName)).ToString();
    }

    /// <summary>Percent-encodes all but RFC 3986's unreserved characters; a slash stays readable, which both a path and a query allow.</summary>
    private static string Encode(string text) => Uri.EscapeDataString(text).Replace("%2F", "/", StringComparison.Ordinal);
}
