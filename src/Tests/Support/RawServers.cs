namespace Harness.Tests;

/// <summary>
/// For the raw tests: one server for each backend, kept over all cases of a class, since whatever a client sends must leave it fit for the next.
/// </summary>
public sealed class RawServers : IDisposable
{
    private readonly Dictionary<string, HarnessServer> _servers = [];

    /// <summary>The server of a backend; where the backend cannot run here the test is skipped.</summary>
    internal HarnessServer Of(string backend, params string[] more)
    {
        string key = string.Join(' ', [backend, .. more]);
        return _servers.TryGetValue(key, out HarnessServer? server)
            ? server
            : _servers[key] = HarnessServer.Start(backend, HarnessServer.Unix, "memory:16M", more);
    }

    /// <summary>Each must still be there and end as it should.</summary>
    public void Dispose()
    {
        foreach (HarnessServer server in _servers.Values)
        {
            server.Dispose();
        }
    }
}
