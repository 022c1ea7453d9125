using System.Diagnostics;
using System.Text.Json;
using Harness.Ctl;
using Harness.Nbd;
using Harness.Results;

namespace Harness.Serve;

/// <summary>The copies that a server does in the background for clients of its control socket. Any thread.</summary>
internal sealed class ControlCopies(NbdServer server)
{
    private static readonly TimeSpan s_between = TimeSpan.FromMilliseconds(200);

    // How long a server that ends waits for what copies have in flight.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly List<BlockCopy> _running = [];
    private bool _ended;

    /// <summary>Copies, and returns when it is done. It is cancelled where the client has gone.</summary>
    /// <param name="request">What is to be copied, and where to.</param>
    /// <param name="progress">Takes a line now and then; throws an <see cref="IOException"/> where the client has gone.</param>
    /// <exception cref="BlockException">The copy cannot be, or has failed; everything is as it was.</exception>
    public CopyDocument Run(ControlRequest request, Action<byte[]> progress)
    {
        long began = Stopwatch.GetTimestamp();
        BlockCopy copy = server.CopyAsync(ControlCommands.NodeOf(request), ControlCommands.ChainOf(request), request.NewId).GetAwaiter().GetResult();
        lock (_running)
        {
            _running.Add(copy);
            if (_ended)
            {
                copy.Cancel();
            }
        }

        try
        {
            GraphChange change = Wait(copy, progress);
            return new CopyDocument
            {
                Node = request.Node!,
                NewNode = copy.NewNode,
                Gone = change.Removed,
                SizeBytes = (long)copy.Size,
                Seconds = Stopwatch.GetElapsedTime(began).TotalSeconds,
                TookUs = change.QuietNs / 1000.0,
            };
        }
        finally
        {
            lock (_running)
            {
                _running.Remove(copy);
            }
        }
    }

    /// <summary>Cancels all; returns when they have ended, or when patience has.</summary>
    public void Cancel()
    {
        BlockCopy[] running;
        lock (_running)
        {
            _ended = true;
            running = [.. _running];
        }

        Array.ForEach(running, copy => copy.Cancel());
        foreach (BlockCopy copy in running)
        {
            Task.WhenAny(copy.Done, Task.Delay(s_patience)).GetAwaiter().GetResult();
        }
    }

    private static GraphChange Wait(BlockCopy copy, Action<byte[]> progress)
    {
        try
        {
            while (Task.WhenAny(copy.Done, Task.Delay(s_between)).GetAwaiter().GetResult() != copy.Done)
            {
                var line = new NodeCopyProgress { CopiedBytes = (long)copy.Copied, SizeBytes = (long)copy.Size };
                progress(JsonSerializer.SerializeToUtf8Bytes(line, ResultsJson.Line.NodeCopyProgress));
            }
        }
        catch (IOException) when (!copy.Done.IsCompleted)
        {
            copy.Cancel();
            throw;
        }

        return copy.Done.GetAwaiter().GetResult();
    }
}
