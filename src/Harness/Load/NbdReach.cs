using Harness.Io;
using Harness.Nbd;

namespace Harness.Load;

/// <summary>A server's URI, read, and its addresses, looked up: what every verb that is a client begins with. Disposing of it frees the addresses.</summary>
internal sealed class NbdReach : IDisposable
{
    private readonly IReadOnlyList<SocketEndpoint> _endpoints;

    /// <exception cref="HarnessException">The URI is wrong, or its host has no address.</exception>
    public NbdReach(string uri)
    {
        Uri = NbdUri.TryParse(uri, out NbdUri? parsed, out string error) ? parsed : throw new HarnessException(ExitCode.Usage, error);
        try
        {
            _endpoints = EndpointResolver.Resolve(Uri);
        }
        catch (NbdClientException problem)
        {
            throw new HarnessException(ExitCode.Failed, problem.Message, problem);
        }
    }

    public NbdUri Uri { get; }

    /// <summary>Begins to connect; the handler hears of the end.</summary>
    public void Connect(EventLoop loop, NbdClientOptions options, IConnectHandler handler) =>
        new ClientConnector(loop, _endpoints, options.ConnectTimeoutNs, handler).Start();

    /// <summary>Sets the congestion control of all TCP connections to come; null leaves the machine's.</summary>
    /// <exception cref="HarnessException">The kernel does not know it.</exception>
    public void SetCongestionControl(string? name)
    {
        foreach (SocketEndpoint endpoint in _endpoints)
        {
            endpoint.CongestionControl = name;
            try
            {
                // Tried on a socket that is thrown away: a name that the kernel does not know is bad usage, and no connection that failed.
                Sockets.CloseUnused(Sockets.Create(endpoint));
            }
            catch (IoException problem)
            {
                throw new HarnessException(ExitCode.Failed, problem.Message, problem);
            }
        }
    }

    public void Dispose()
    {
        foreach (SocketEndpoint endpoint in _endpoints)
        {
            endpoint.Dispose();
        }
    }

    /// <summary>A loop on this thread.</summary>
    /// <exception cref="HarnessException">The backend is not to be had here; the message says why.</exception>
    public static EventLoop CreateLoop(string backend, string wait)
    {
        try
        {
            return new EventLoop(LoopBackends.Create(backend), Enum.Parse<WaitMode>(wait, ignoreCase: true));
        }
        catch (RingUnavailableException problem)
        {
            // The message says which of the reasons it is, and the remedy.
            throw new HarnessException(ExitCode.NothingCouldRun, problem.Message, problem);
        }
        catch (IOException problem)
        {
            throw new HarnessException(ExitCode.Failed, problem.Message, problem);
        }
    }
}
