using Harness.Io;
using Harness.Nbd;

namespace Harness.Copy;

/// <summary>
/// Keeps so many requests in flight between two ends until the source has been copied, and a second time where it is verified. Pieces end in any order. The
/// first thing that goes wrong stops it: what is in flight ends, nothing more is begun.
/// </summary>
internal sealed class CopySession : IDisposable
{
    private readonly EventLoop _loop;
    private readonly List<CopySlot> _slots = [];
    private readonly Stack<CopySlot> _free = new();
    private CopyPieces? _pieces;
    private ulong _firstFailed = ulong.MaxValue;
    private bool _verifying;
    private bool _issuing;
    private bool _stopped;

    /// <param name="loop">The loop of both ends.</param>
    /// <param name="source">Connected.</param>
    /// <param name="destination">Connected, and as long as the source at least.</param>
    /// <param name="options">How.</param>
    public CopySession(EventLoop loop, CopyEnd source, CopyEnd destination, CopyOptions options)
    {
        _loop = loop;
        Source = source;
        Destination = destination;
        Options = options;
        Block = Math.Max(source.MinimumBlock, destination.MinimumBlock);
        uint most = Math.Min(source.MaximumRequest, destination.MaximumRequest);
        RequestBytes = Math.Max(Block, Math.Min((uint)options.RequestBytes, most) / Block * Block);
        Memory = new CopyMemoryPool(RequestBytes);
        ZeroesAreThere = destination.DropsData || ((options.DestinationIsZero || destination.IsZero) && !options.Allocated);
        ZeroesWithoutData = destination.MaximumZero > 0;
    }

    public CopyEnd Source { get; }

    public CopyEnd Destination { get; }

    public CopyOptions Options { get; }

    /// <summary>Offsets and lengths are multiples of this.</summary>
    public uint Block { get; }

    /// <summary>Bytes of one request of data at most.</summary>
    public uint RequestBytes { get; }

    /// <summary>What pieces keep their data in.</summary>
    public CopyMemoryPool Memory { get; }

    /// <summary>Zeroes need not be written.</summary>
    public bool ZeroesAreThere { get; }

    /// <summary>Zeroes can be written without sending them.</summary>
    public bool ZeroesWithoutData { get; }

    /// <summary>Data that is all zeroes is written as zeroes.</summary>
    public bool SeeksZeroes => !Options.Allocated;

    /// <summary>Pieces that have been copied.</summary>
    public long Ops { get; private set; }

    /// <summary>Bytes that have been copied as data.</summary>
    public ulong DataBytes { get; private set; }

    /// <summary>Bytes that have been copied as zeroes.</summary>
    public ulong ZeroBytes { get; private set; }

    /// <summary>Everything before this offset has been copied. Pieces end in any order, so what has been copied behind it is in pieces.</summary>
    public ulong WholeUpTo { get; private set; }

    /// <summary>Bytes that have been compared.</summary>
    public ulong ComparedBytes { get; private set; }

    /// <summary>What went wrong first, in one line; null where nothing did.</summary>
    public string? Trouble { get; private set; }

    /// <summary>Where the two ends first differ, of what was compared; null where they do not.</summary>
    public ulong? Difference { get; private set; }

    /// <summary>Copies, or compares, until there is nothing left or something is wrong.</summary>
    public void Run(bool verify)
    {
        _verifying = verify;
        ComparedBytes = 0;
        ulong zero = ZeroesWithoutData && !verify ? Math.Max(Block, Destination.MaximumZero / Block * Block) : RequestBytes;
        _pieces = new CopyPieces(Source, !Options.NoExtents, Block, RequestBytes, zero, Issue);
        MakeSlots();
        Issue();
        while (_free.Count < _slots.Count || _pieces.IsAsking || (!_pieces.IsAtEnd && !HasEnded))
        {
            _loop.RunOnce();
        }

        if (!verify)
        {
            WholeUpTo = Math.Min(_firstFailed, _pieces.Offset);
        }
    }

    /// <summary>Nothing more is begun. Any reason of an end tells for itself why.</summary>
    public void Stop() => _stopped = true;

    /// <summary>The same from a thread that is not the loop's, with the line that says why.</summary>
    public void StopFromAnyThread(string trouble) => _loop.Post(() =>
    {
        Trouble ??= trouble;
        Stop();
    });

    /// <summary>Makes what was written stay.</summary>
    public void Flush()
    {
        for (int i = 0; i < Destination.FlushPorts && Trouble is null; i++)
        {
            var wait = new FlushWait();
            CopyPort port = Destination.NewPort(i, wait);
            int? error = port.Start(CopyAction.Flush, 0, 0, null);
            while (error is null && wait.Error is null)
            {
                _loop.RunOnce();
            }

            if ((error ?? wait.Error) is { } failed and not 0)
            {
                Trouble ??= $"{Destination.Name}: cannot flush: {ErrnoText.Of(failed)}";
            }
        }
    }

    /// <summary>A piece is done, for better or worse.</summary>
    public void Ended(CopySlot slot)
    {
        _free.Push(slot);
        if (!_issuing)
        {
            Issue();
        }
    }

    /// <summary>A piece is copied or compared in full.</summary>
    public void Count(CopySlot slot)
    {
        if (_verifying)
        {
            ComparedBytes += slot.Piece.Length;
            return;
        }

        Ops++;
        if (slot.WasZero)
        {
            ZeroBytes += slot.Piece.Length;
        }
        else
        {
            DataBytes += slot.Piece.Length;
        }
    }

    /// <summary>A piece cannot be copied.</summary>
    public void Fail(CopySlot slot, int error, bool isSource, string verb, string said)
    {
        Trouble ??= $"{(isSource ? Source : Destination).Name}: cannot {verb} {slot.Piece.Length} bytes at offset {slot.Piece.Offset}: "
            + $"{ErrnoText.Of(error)}{(said.Length > 0 ? $" ({said})" : "")}";
        _firstFailed = Math.Min(_firstFailed, slot.Piece.Offset);
        Stop();
    }

    /// <summary>The ends differ at this byte. The lowest of what was compared is kept.</summary>
    public void Differ(ulong offset)
    {
        Difference = Math.Min(Difference ?? ulong.MaxValue, offset);
        Stop();
    }

    public void Dispose() => Memory.Dispose();

    private bool HasEnded => _stopped || _pieces!.Error != 0;

    private void MakeSlots()
    {
        if (_slots.Count > 0)
        {
            return;
        }

        // No more than there are pieces.
        int connections = Math.Max(1, Math.Max(Source.Connections, Destination.Connections));
        ulong pieces = (Source.Size + RequestBytes - 1) / RequestBytes;
        for (int i = 0; (ulong)i < Math.Min((ulong)(connections * Options.Requests), pieces); i++)
        {
            _slots.Add(new CopySlot(this, i));
        }

        // The first connection's come first.
        foreach (CopySlot slot in Enumerable.Reverse(_slots))
        {
            _free.Push(slot);
        }
    }

    private void Issue()
    {
        _issuing = true;
        while (!HasEnded && _free.Count > 0 && _pieces!.TryTake(out CopyPiece piece))
        {
            CopySlot slot = _free.Pop();
            if (_verifying)
            {
                slot.Compare(piece);
            }
            else
            {
                slot.Copy(piece);
            }
        }

        _issuing = false;
        if (_pieces!.Error != 0)
        {
            Trouble ??= $"{Source.Name}: cannot tell where its data is, from offset {_pieces.Offset} on: {ErrnoText.Of(_pieces.Error)}; --no-extents does not ask";
        }
    }

    private sealed class FlushWait : ICopyHandler
    {
        public int? Error { get; private set; }

        public void Completed(int error) => Error = error;
    }
}
