using Harness.Io;

namespace Harness.Nbd;

/// <summary>What is written behind <c>nbd:</c>, and where that is.</summary>
/// <param name="Text">As it was written.</param>
/// <param name="Uri">The server and the export.</param>
/// <param name="Connections">Connections for each loop, or null where nothing was written.</param>
/// <param name="TimeoutNs">How long a request waits for a server that is away.</param>
internal sealed record NbdStoreText(string Text, NbdUri Uri, int? Connections, long TimeoutNs)
{
    private const int MaxConnections = 64;
    private const long DefaultTimeoutNs = 5_000_000_000;
    private const string Example = "nbd:nbd://localhost:10809/disk or nbd:nbd+unix:///disk?socket=/tmp/h.sock";

    /// <summary>
    /// Reads <c>[connections=N,][timeout=TIME,]URI</c>; a URI begins with its scheme, so nothing in it is taken for an option. <c>nbd://host/disk</c>
    /// is a chain by itself: what follows the store's name is the URI without its scheme.
    /// </summary>
    /// <exception cref="BlockException">It is not that; the message says what to write.</exception>
    public static NbdStoreText Parse(string text)
    {
        (string rest, int? connections, long timeoutNs) = (text, null, DefaultTimeoutNs);
        while (rest.IndexOfAny(['=', ':', '/']) is var at and > 0 && rest[at] == '=')
        {
            int comma = rest.IndexOf(',', StringComparison.Ordinal);
            string value = comma < 0 ? rest[(at + 1)..] : rest[(at + 1)..comma];
            switch (rest[..at])
            {
                case "connections":
                    connections = ParseConnections(value);
                    break;
                case "timeout" when TimeLength.TryParse(value, out timeoutNs):
                    break;
                case "timeout":
                    throw Usage($"timeout={value} is no time; write one with its unit, like 500ms or 5s");
                default:
                    throw Usage($"unknown option '{rest[..at]}'{NearestName.Suggestion(rest[..at], ["connections", "timeout"])}; before the URI may stand connections=N, and timeout=TIME,");
            }

            rest = comma < 0 ? string.Empty : rest[(comma + 1)..];
        }

        string uriText = rest.StartsWith("//", StringComparison.Ordinal) ? $"nbd:{rest}" : rest;
        if (!NbdUri.TryParse(uriText, out NbdUri? uri, out string error) || !uri.TryCheckConnectable(out error))
        {
            throw Usage(rest.Length == 0 ? $"a URI is missing; write {Example}" : $"{error}; write {Example}");
        }

        return new NbdStoreText(text, uri, connections, timeoutNs);
    }

    /// <summary>Where to connect; the caller disposes of the endpoints.</summary>
    /// <exception cref="BlockException">The host has no address.</exception>
    public IReadOnlyList<SocketEndpoint> Resolve()
    {
        try
        {
            return EndpointResolver.Resolve(Uri);
        }
        catch (NbdClientException e)
        {
            throw new BlockException($"'nbd': {e.Message}");
        }
    }

    private static int ParseConnections(string value) => int.TryParse(value, out int count) && count is >= 1 and <= MaxConnections
        ? count
        : throw Usage($"connections={value} is no number from 1 to {MaxConnections}");

    private static BlockException Usage(string what) => new($"'nbd': {what}") { IsUsage = true };
}
