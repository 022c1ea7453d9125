using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Unicode;

namespace Harness.Nbd;

/// <summary>
/// Takes an NBD URI apart: scheme, authority, path, query (RFC 3986; doc/uri.md of the NBD project). Each step either takes its part or names what is wrong
/// with it.
/// </summary>
internal static class NbdUriParser
{
    private const string Shape = "nbd://host[:port]/export or nbd+unix:///export?socket=PATH";

    public static bool TryParse(string text, [NotNullWhen(true)] out NbdUri? uri, out string error)
    {
        uri = null;
        int schemeEnd = text.IndexOf("://", StringComparison.Ordinal);
        if (schemeEnd <= 0)
        {
            error = $"\"{text}\" is not an NBD URI; write {Shape}";
            return false;
        }

        if (!TryScheme(text[..schemeEnd], out NbdTransport transport, out error))
        {
            return false;
        }

        if (!WireText.IsWellFormed(text))
        {
            error = "the URI has half a character in it (an unpaired surrogate)";
            return false;
        }

        string rest = text[(schemeEnd + 3)..];
        if (rest.Contains('#'))
        {
            error = "an NBD URI has no fragment; write \"#\" as %23";
            return false;
        }

        (rest, string? query) = Cut(rest, '?');
        (string authority, string? path) = Cut(rest, '/');
        if (!TryExport(path ?? string.Empty, out string export, out error))
        {
            return false;
        }

        uri = transport == NbdTransport.Tcp ? ParseTcp(authority, query, out error) : ParseUnix(authority, query, out error);
        uri = uri is null ? null : uri with { ExportName = export };
        return uri is not null;
    }

    private static bool TryScheme(string scheme, out NbdTransport transport, out string error)
    {
        string lower = scheme.ToLowerInvariant();
        transport = lower == "nbd+unix" ? NbdTransport.Unix : NbdTransport.Tcp;
        error = lower switch
        {
            "nbd" or "nbd+unix" => string.Empty,
            "nbds" => "TLS is not built in yet; use nbd://",
            "nbds+unix" => "TLS is not built in yet; use nbd+unix://",
            _ => $"\"{scheme}\" is not a scheme that is known here; write {Shape}",
        };
        return error.Length == 0;
    }

    private static bool TryExport(string path, out string export, out string error)
        => TryDecode(path, "the export name", out export, out error) && Nbd.ExportName.TryCheck(export, out error);

    private static NbdUri? ParseTcp(string authority, string? query, out string error)
    {
        if (!TryQuery(query, socketAllowed: false, out _, out error)
            || !TryAuthority(authority, out string host, out string port, out error)
            || !TryPort(port, out int number, out error))
        {
            return null;
        }

        return new NbdUri { Transport = NbdTransport.Tcp, Host = host, Port = number };
    }

    private static NbdUri? ParseUnix(string authority, string? query, out string error)
    {
        if (!TryQuery(query, socketAllowed: true, out string? socket, out error))
        {
            return null;
        }

        if (authority.Length != 0)
        {
            error = $"nbd+unix takes no host, but \"{authority}\" stands in its place; write three slashes: nbd+unix:///export?socket=PATH";
        }
        else if (string.IsNullOrEmpty(socket))
        {
            error = "nbd+unix needs the path of a socket; add ?socket=PATH";
        }
        else if (socket.Contains('\0'))
        {
            error = "the socket's path has a NUL byte in it; abstract sockets are not supported, so name a file";
        }
        else if (Encoding.UTF8.GetByteCount(socket) is int bytes && bytes > Limits.MaxSocketPathBytes)
        {
            error = $"the socket's path is {bytes} bytes long; the most is {Limits.MaxSocketPathBytes}, so use a shorter one";
        }

        return error.Length == 0 ? new NbdUri { Transport = NbdTransport.Unix, SocketPath = socket! } : null;
    }

    private static bool TryQuery(string? query, bool socketAllowed, out string? socket, out string error)
    {
        socket = null;
        error = string.Empty;
        foreach (string pair in (query ?? string.Empty).Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            (string rawKey, string? rawValue) = Cut(pair, '=');
            if (!TryDecode(rawKey, "a query key", out string key, out error)
                || !TryDecode(rawValue ?? string.Empty, "a query value", out string value, out error))
            {
                return false;
            }

            error = CheckKey(key, socketAllowed, isRepeated: socket is not null);
            if (error.Length != 0)
            {
                return false;
            }

            socket = value;
        }

        return true;
    }

    private static string CheckKey(string key, bool socketAllowed, bool isRepeated)
    {
        if (key != "socket")
        {
            return key.StartsWith("tls-", StringComparison.Ordinal)
                ? $"TLS is not built in yet; leave \"{key}\" out"
                : $"the query key \"{key}\" is not known; the only one is socket, for nbd+unix";
        }

        if (!socketAllowed)
        {
            return "socket= belongs to nbd+unix; write nbd+unix:///export?socket=PATH, or leave it out";
        }

        return isRepeated ? "socket= is there twice; leave one out" : string.Empty;
    }

    private static bool TryAuthority(string authority, out string host, out string port, out string error)
    {
        host = port = string.Empty;
        if (authority.Contains('@'))
        {
            error = "a user name is of use only with TLS, which is not built in yet; leave it out";
            return false;
        }

        return authority.StartsWith('[') ? TryBracketed(authority, out host, out port, out error) : TryNamed(authority, out host, out port, out error);
    }

    private static bool TryBracketed(string authority, out string host, out string port, out string error)
    {
        host = port = string.Empty;
        (string literal, string? after) = Cut(authority[1..], ']');
        if (after is null)
        {
            error = $"\"{authority}\" lacks its closing bracket; write nbd://[::1]:{NbdUri.DefaultPort}/export";
            return false;
        }

        if (after.Length != 0 && after[0] != ':')
        {
            error = $"\"{after}\" cannot follow an address in brackets; write nbd://[::1]:{NbdUri.DefaultPort}/export";
            return false;
        }

        if (!TryDecode(literal, "the address", out host, out error))
        {
            return false;
        }

        (string address, string? zone) = Cut(host, '%');
        bool isAddress = !address.Contains('[') && IPAddress.TryParse(address, out IPAddress? parsed) && parsed.AddressFamily == AddressFamily.InterNetworkV6;
        if (!isAddress || (zone is not null && !IsName(zone)))
        {
            error = $"\"{literal}\" is not an IPv6 address";
            return false;
        }

        port = after.Length == 0 ? string.Empty : after[1..];
        return true;
    }

    private static bool TryNamed(string authority, out string host, out string port, out string error)
    {
        port = string.Empty;
        (string name, string? after) = Cut(authority, ':');
        if (!TryDecode(name, "the host", out host, out error))
        {
            return false;
        }

        if (after is not null && after.Contains(':'))
        {
            error = $"\"{authority}\" has more than one colon; write an IPv6 address in brackets: nbd://[::1]:{NbdUri.DefaultPort}/export";
        }
        else if (host.Length == 0)
        {
            error = "the URI names no host; write nbd://localhost/export, or nbd+unix:///export?socket=PATH";
        }
        else if (!IsName(host))
        {
            error = $"\"{host}\" is not a host name: letters, digits, dots, hyphens and underscores, beginning with a letter or a digit";
        }

        port = after ?? string.Empty;
        return error.Length == 0;
    }

    /// <summary>A host that begins with a hyphen has been taken for an option by programs that it was handed to (CVE-2025-14946).</summary>
    private static bool IsName(string host) => host.Length is > 0 and <= 255 && char.IsAsciiLetterOrDigit(host[0])
        && host.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');

    private static bool TryPort(string digits, out int port, out string error)
    {
        error = string.Empty;
        port = NbdUri.DefaultPort;
        if (digits.Length == 0)
        {
            return true;
        }

        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out port) || port > IPEndPoint.MaxPort)
        {
            error = $"\"{digits}\" is not a port: a number from 1 to {IPEndPoint.MaxPort}, or 0 to listen on any";
        }

        return error.Length == 0;
    }

    /// <summary>Percent-decoding, strict: what is not hexadecimal or not UTF-8 is refused instead of passed through.</summary>
    private static bool TryDecode(string text, string what, out string decoded, out string error)
    {
        decoded = text;
        error = string.Empty;
        if (!text.Contains('%'))
        {
            return true;
        }

        var bytes = new List<byte>(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '%')
            {
                int run = text.IndexOf('%', i) is int next && next >= 0 ? next - i : text.Length - i;
                bytes.AddRange(Encoding.UTF8.GetBytes(text, i, run));
                i += run - 1;
            }
            else if (i + 2 < text.Length && byte.TryParse(text.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value))
            {
                bytes.Add(value);
                i += 2;
            }
            else
            {
                error = $"in {what} \"{text}\", a % is not followed by two hexadecimal digits; write a plain % as %25";
                return false;
            }
        }

        byte[] utf8 = [.. bytes];
        error = Utf8.IsValid(utf8) ? string.Empty : $"{what} \"{text}\" is not UTF-8 once decoded";
        decoded = Encoding.UTF8.GetString(utf8);
        return error.Length == 0;
    }

    /// <summary>What stands before and after the first separator; null where there is none.</summary>
    private static (string Before, string? After) Cut(string text, char separator)
    {
        int at = text.IndexOf(separator);
        return at < 0 ? (text, null) : (text[..at], text[(at + 1)..]);
    }
}
