using Harness.Io;
using Harness.Load;
using Harness.Nbd;
using Harness.Results;

namespace Harness.Ladder;

/// <summary>
/// The second rung, and the limit for a server and a client: two processes that exchange the bytes of NBD reads and do nothing else. This is the asking one.
/// </summary>
internal static class ExchangeRung
{
    /// <exception cref="HarnessException">Nobody answers, or no longer.</exception>
    public static LoadResult Measure(RungOptions options)
    {
        using SocketEndpoint endpoint = Resolve(options);
        using ExchangeClient client = Connect(endpoint, options);
        ServerProcess? server = options.ServerPid is { } pid ? new ServerProcess(pid) : null;
        TimeSpan warmup = RungWarmup.Run(options.Warmup, time => Run(client, time, options));
        server?.Begin();
        // Once now, so that nothing of it is done for the first time in the measured part.
        _ = new RungCosts().Until(new RungCosts(), 1, 0);
        var start = new RungCosts();
        Run(client, options.Duration, options);
        var end = new RungCosts();
        ServerFigures? answering = server?.End(client.Replies);
        SideCosts costs = start.Until(end, client.Replies, client.SystemCalls);
        return RungResult.Of(warmup, client.StartedNs, (client.EndedNs - client.StartedNs) / 1e9, client.Replies, options.PayloadBytes, costs) with
        {
            Wait = options.Spins ? "spin" : "block",
            Server = answering?.Costs,
        };
    }

    private static void Run(ExchangeClient client, TimeSpan time, RungOptions options)
    {
        if (!client.Run((long)time.TotalNanoseconds))
        {
            throw new HarnessException(ExitCode.Failed, $"{options.Uri}: the answering side hung up, or answers no more; is it harness rung answer with the same --size?");
        }
    }

    private static ExchangeClient Connect(SocketEndpoint endpoint, RungOptions options)
    {
        try
        {
            return new ExchangeClient(endpoint, options.Connections, options.Depth, options.PayloadBytes, options.Spins);
        }
        catch (IoException problem)
        {
            throw new HarnessException(ExitCode.Failed, problem.Message, problem);
        }
    }

    private static SocketEndpoint Resolve(RungOptions options)
    {
        try
        {
            SocketEndpoint endpoint = EndpointResolver.Resolve(RungRunner.ParseUri(options.Uri!))[0];
            endpoint.CongestionControl = options.TcpCongestion;
            return endpoint;
        }
        catch (NbdClientException problem)
        {
            throw new HarnessException(ExitCode.Failed, problem.Message, problem);
        }
    }
}
