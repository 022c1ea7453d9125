using Harness.Io;
using Harness.Matrix;
using Harness.Nbd;

namespace Harness.Copy;

/// <summary>Opens what the command line names, source first, and refuses what cannot be copied before anything is touched.</summary>
internal sealed class CopyEnds : IDisposable
{
    private const string Null = "null:";

    private readonly EventLoop _loop;
    private readonly CopyOptions _options;
    private readonly Action _onLost;
    private readonly List<CopyEnd> _open = [];

    /// <param name="loop">The loop of both.</param>
    /// <param name="options">What was asked for.</param>
    /// <param name="onLost">Called when a connection has ended that should not have.</param>
    /// <exception cref="HarnessException">It cannot be done; the message says why.</exception>
    public CopyEnds(EventLoop loop, CopyOptions options, Action onLost)
    {
        _loop = loop;
        _options = options;
        _onLost = onLost;
        try
        {
            Source = OpenSource();
            Destination = OpenDestination(Source);
        }
        catch (HarnessException)
        {
            Leave();
            Dispose();
            throw;
        }
    }

    public CopyEnd Source { get; }

    public CopyEnd Destination { get; }

    /// <summary>Whether the text is an NBD URI, and no path.</summary>
    public static bool IsUri(string text) => text.StartsWith("nbd", StringComparison.Ordinal) && text.Contains("://", StringComparison.Ordinal);

    public static bool IsNull(string text) => text.StartsWith(Null, StringComparison.Ordinal);

    /// <summary>Ends the connections: in order, or where something is wrong at once.</summary>
    public void Leave(bool atOnce = false)
    {
        foreach (CopyEnd end in _open)
        {
            if (atOnce && end is NbdEnd server)
            {
                server.Drop();
            }

            end.Disconnect();
        }

        while (_open.Any(end => !end.IsOver))
        {
            _loop.RunOnce();
        }
    }

    public void Dispose()
    {
        foreach (CopyEnd end in _open)
        {
            end.Dispose();
        }
    }

    private CopyEnd OpenSource()
    {
        string name = _options.Source;
        if (IsNull(name))
        {
            return Opened(new NullEnd(name, NullSize(name)));
        }

        if (!IsUri(name))
        {
            return Opened(FileEnd.OpenSource(name, _loop));
        }

        NbdEnd server = Opened(new NbdEnd(name, _loop, _options, asksExtents: !_options.NoExtents, _onLost));
        server.Connect(_options.Connections);
        return server.Size > 0 ? server : throw Failed($"{name}: the export is empty: there is nothing to copy");
    }

    private CopyEnd OpenDestination(CopyEnd source)
    {
        string name = _options.Destination;
        if (IsNull(name))
        {
            return Opened(new NullEnd(name, ulong.MaxValue));
        }

        if (IsUri(name))
        {
            return OpenServer(name, source);
        }

        FileEnd file = Opened(FileEnd.OpenDestination(name, _loop));
        if (source is FileEnd other && SameFile.Are(other.Fd, file.Fd))
        {
            throw Failed($"'{source.Name}' and '{name}' are the same file; nothing was changed");
        }

        file.Begin(source.Size);
        return file;
    }

    private NbdEnd OpenServer(string name, CopyEnd source)
    {
        NbdEnd server = Opened(new NbdEnd(name, _loop, _options, asksExtents: false, _onLost) { Allocates = _options.Allocated });
        server.Connect(_options.Connections);
        if (server.Export.Flags.HasFlag(TransmissionFlags.ReadOnly))
        {
            throw Failed($"{name}: the export is read-only; have it served for writing");
        }

        if (server.Size < source.Size)
        {
            throw Failed($"{name} has {server.Size} bytes, {source.Size - server.Size} too few for the {source.Size} of {source.Name}; copy to a larger one");
        }

        return source.Size % server.MinimumBlock == 0
            ? server
            : throw Failed($"{name} takes whole blocks of {server.MinimumBlock} bytes, and the {source.Size} bytes of {source.Name} are no such number");
    }

    private T Opened<T>(T end)
        where T : CopyEnd
    {
        _open.Add(end);
        return end;
    }

    private static ulong NullSize(string name)
    {
        string size = name[Null.Length..];
        if (size.Length == 0)
        {
            throw new HarnessException(ExitCode.Usage, "null: as a source needs a size, like null:1G");
        }

        try
        {
            return (ulong)Units.ParseSize(size) is > 0 and var bytes ? bytes : throw new FormatException("it is 0 bytes long");
        }
        catch (FormatException e)
        {
            throw new HarnessException(ExitCode.Usage, $"'{name}': {e.Message}", e);
        }
    }

    private static HarnessException Failed(string line) => new(ExitCode.Failed, line);
}
