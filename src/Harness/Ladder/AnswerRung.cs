using Harness.Io;
using Harness.Nbd;
using Harness.Serve;

namespace Harness.Ladder;

/// <summary>The answering process of the exchange: for one client after another, until it is told to stop.</summary>
internal static class AnswerRung
{
    /// <exception cref="HarnessException">The address cannot be had, or a connection cannot be taken.</exception>
    public static ExitCode Run(RungOptions options, CancellationToken stop)
    {
        NbdUri uri = RungRunner.ParseUri(options.Uri!);
        DescriptorLimit.Check("--connections", options.Connections, loops: 1);
        using var server = new ExchangeServer(options.PayloadBytes, options.Spins);
        Listener listener = Listener.Open(uri, options.TcpCongestion);
        try
        {
            using CancellationTokenRegistration stops = stop.Register(server.Stop);
            Console.Out.WriteLine($"ready {listener.Ready}");
            Console.Out.Flush();
            // A client has all its connections before it asks for anything.
            while (server.Accept(listener.Fd, options.Connections, listener.Endpoint.IsUnix) is { } connections)
            {
                server.Serve(connections);
            }
            return ExitCode.Done;
        }
        catch (IoException problem)
        {
            throw new HarnessException(ExitCode.Failed, problem.Message, problem);
        }
        finally
        {
            listener.Remove();
        }
    }
}
