using Harness.Io;
using Harness.Nbd;

namespace Harness.Serve;

/// <summary>Runs the NBD server until it is told to stop.</summary>
internal static class ServeRunner
{
    /// <param name="options">What to serve, and where.</param>
    /// <param name="stop">Cancelled by SIGTERM and SIGINT: the server drains, then returns.</param>
    /// <returns>Done, or Failed where requests in flight had to be cut off.</returns>
    /// <exception cref="HarnessException">It cannot be served; the message is one line.</exception>
    public static ExitCode Run(ServeOptions options, CancellationToken stop)
    {
        string? seeded = SeededRegression.Asked();
        IReadOnlyList<Listener>? inherited = SocketActivation.Take(options.ListenAsked);
        IReadOnlyList<NbdUri> uris = [.. inherited is null ? options.Listen.Select(ParseUri) : inherited.Select(listener => listener.Ready)];
        DescriptorLimit.Check("--max-connections", options.MaxConnections, options.Loops);
        using var exports = new ExportList(options, uris, seeded);

        // Opened now: the first line may be that no descriptor is left, and opening it takes one.
        TextWriter errors = Console.Error;
        var log = new ServerLog(line => errors.WriteLine($"harness serve: {line}"));
        if (seeded is not null)
        {
            errors.WriteLine($"harness serve: {SeededRegression.Describe(seeded)}");
        }

        foreach (NbdExport export in exports.All.Where(export => export.Graph.ThreadModel != ThreadModel.Parallel))
        {
            (ThreadModel allowed, IBlock strictest) = ThreadModels.StrictestOf(export.Graph.Top);
            string why = export.Graph.ThreadModel == allowed ? $"which '{strictest.Name}' asks for" : "as --thread-model says";
            log.Line($"export '{export.Name}': thread model {export.Graph.ThreadModel.Text()}, {why}");
        }

        var loops = new List<LoopThread>();
        var listeners = new List<Listener>(inherited ?? []);
        try
        {
            StartLoops(options, loops);
            if (options.Fill)
            {
                foreach (NbdExport export in exports.All.DistinctBy(export => export.Graph.Top))
                {
                    StoreFill.Run(export.Graph, loops[0].Loop);
                }
            }

            foreach (NbdUri uri in inherited is null ? uris : [])
            {
                listeners.Add(Listener.Open(uri with { ExportName = exports.NameFor(uri) }, options.TcpCongestion));
            }

            var server = new NbdServer(exports.All, [.. loops.Select(loop => loop.Loop)], Bounds(options), log, exports.Nodes, exports.ByName);
            var stats = new ControlStats(server, loops);
            var commands = new ControlCommands(server, stats);
            using ControlServer? control = options.Control is { } path ? new ControlServer(path, stats, commands) : null;
            Announce(server, listeners);
            stop.WaitHandle.WaitOne();
            commands.End();
            bool drained = Drain(server);
            Summarize(exports.Nodes, errors);
            return drained ? ExitCode.Done : ExitCode.Failed;
        }
        finally
        {
            loops.ForEach(loop => loop.Stop());
            listeners.ForEach(listener => listener.Remove());
            log.Flush();
        }
    }

    private static NbdUri ParseUri(string text) =>
        NbdUri.TryParse(text, out NbdUri? uri, out string error) ? uri : throw new HarnessException(ExitCode.Usage, $"--listen {text}: {error}");

    private static NbdServerOptions Bounds(ServeOptions options)
    {
        var bounds = new NbdServerOptions { MaxConnections = options.MaxConnections, Replies = options.Replies };
        return bounds with { MaxInFlight = options.MaxInFlight ?? bounds.MaxInFlight, MaxBytes = options.MaxBytes ?? bounds.MaxBytes };
    }

    private static void StartLoops(ServeOptions options, List<LoopThread> loops)
    {
        WaitMode wait = options.Wait switch
        {
            "spin" => WaitMode.Spin,
            "adaptive" => WaitMode.Adaptive,
            _ => WaitMode.Block,
        };
        try
        {
            for (int i = 0; i < options.Loops; i++)
            {
                loops.Add(LoopThread.Start(options.Backend, wait, i, options.Gather));
            }
        }
        catch (RingUnavailableException e)
        {
            throw new HarnessException(ExitCode.NothingCouldRun, $"--backend {options.Backend}: {e.Message}", e);
        }
        catch (IOException e)
        {
            ExitCode code = e is RingUnavailableException ? ExitCode.NothingCouldRun : ExitCode.Failed;
            throw new HarnessException(code, $"--backend {options.Backend}: {e.Message}", e);
        }
    }

    /// <summary>
    /// Begins to accept on every listener, then says so: whoever reads the line may connect. Of a socket that was handed over nothing is said: clients wait in
    /// it already, and standard output is that of whoever started us.
    /// </summary>
    private static void Announce(NbdServer server, List<Listener> listeners)
    {
        using var accepting = new ManualResetEventSlim();
        server.Loops[0].Loop.Post(() =>
        {
            listeners.ForEach(listener => server.Listen(listener.Fd, listener.Endpoint));
            accepting.Set();
        });
        accepting.Wait();
        foreach (Listener listener in listeners.Where(listener => !listener.IsInherited))
        {
            Console.Out.WriteLine($"ready {listener.Ready}");
        }

        Console.Out.Flush();
    }

    /// <summary>What filters have seen, those that were put in while the server ran among them.</summary>
    private static void Summarize(BlockNodes nodes, TextWriter errors)
    {
        foreach (string line in nodes.All.Select(node => node.Block).OfType<BlockFilter>().SelectMany(filter => filter.Summary()))
        {
            errors.WriteLine($"harness serve: {line}");
        }
    }

    private static bool Drain(NbdServer server)
    {
        bool inTime = server.DrainAsync().GetAwaiter().GetResult();
        if (!inTime)
        {
            return false;
        }

        // The loops still run: their own threads free what belongs to them.
        using var freed = new CountdownEvent(server.Loops.Count);
        foreach (ServerLoop loop in server.Loops)
        {
            loop.Loop.Post(() =>
            {
                loop.Dispose();
                freed.Signal();
            });
        }

        freed.Wait();
        return true;
    }
}
