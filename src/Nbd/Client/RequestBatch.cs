using System.Runtime.CompilerServices;
using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// The requests of one send: their headers side by side, so that those without data are one run, and WRITE data from where it lies. Remembers at which byte
/// each WRITE's data ends, so that its memory is given back as soon as that byte has left. Belongs to the thread that sends.
/// </summary>
internal sealed class RequestBatch : IDisposable
{
    // A batch is bounded in bytes too: a WRITE at its front ends only when its own bytes have left, and the requests gathered behind it should not wait for
    // megabytes of others.
    private const long MaxBytes = 2 << 20;

    private readonly NativeBuffer _headers;
    private readonly int[] _payloadSlots;
    private readonly long[] _payloadEnds;
    private ReplyForm _form;
    private int _requestBytes = Requests.CompactSize;
    private int _runStart;
    private int _headerEnd;
    private int _payloadFirst;
    private int _payloadEnd;

    public RequestBatch(NbdClientOptions options)
    {
        int maxRequests = options.MaxBatchRequests;
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRequests, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxRequests, SendVector.MaxRuns);

        // Two runs for each WRITE, and one for the headers behind the last.
        Vector = new SendVector(Math.Min(SendVector.MaxRuns, (2 * maxRequests) + 1));
        _headers = new NativeBuffer(maxRequests * options.Replies.RequestBytes());
        _payloadSlots = new int[maxRequests];
        _payloadEnds = new long[maxRequests];
    }

    /// <summary>What is left to send.</summary>
    public SendVector Vector { get; }

    /// <summary>True where nothing is left to send.</summary>
    public bool IsEmpty => Vector.IsEmpty;

    /// <summary>Bytes of this batch that have left.</summary>
    public long SentBytes { get; private set; }

    /// <summary>Requests that were added since <see cref="Begin"/>.</summary>
    public int Count => _headerEnd / _requestBytes;

    /// <summary>Bytes of one request's header.</summary>
    public int HeaderBytes => _requestBytes;

    /// <summary>True while one more request fits, in bytes, in runs and in headers.</summary>
    public bool HasRoom
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _headerEnd <= _headers.Length - _requestBytes && Vector.Bytes < MaxBytes && Vector.Room >= 2;
    }

    /// <summary>The form of the headers is known.</summary>
    public void Start(ReplyForm form)
    {
        _form = form;
        _requestBytes = form.RequestBytes();
    }

    /// <summary>A new batch; the last one has left.</summary>
    public void Begin()
    {
        _payloadFirst = 0;
        _payloadEnd = 0;
        SentBytes = 0;
        _runStart = 0;
        _headerEnd = 0;
    }

    /// <summary>Adds a request; the caller has looked at <see cref="HasRoom"/>. True where it brings data, which is sent from where it lies.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Add(ClientRequest request, int slot, ulong cookie)
    {
        WriteHeader(_headers.Slice(_headerEnd, _requestBytes).Span, request.Flags, request.Command, cookie, request.Offset, request.Length);
        _headerEnd += _requestBytes;
        if (request.Command != NbdCommand.Write || request.Payload.IsEmpty)
        {
            return false;
        }

        AddHeaders();
        Vector.Add(request.Payload);
        _payloadSlots[_payloadEnd] = slot;
        _payloadEnds[_payloadEnd] = Vector.Bytes;
        _payloadEnd++;
        return true;
    }

    /// <summary>All that belongs to this batch has been added.</summary>
    public void Seal() => AddHeaders();

    /// <summary>DISC, alone in its batch.</summary>
    public void AddDisconnect()
    {
        Begin();
        WriteHeader(_headers.Whole.Span, NbdCommandFlags.None, NbdCommand.Disconnect, 0, 0, 0);
        _headerEnd = _requestBytes;
        Seal();
    }

    /// <summary>The kernel has taken so many bytes.</summary>
    public void Advance(int bytes)
    {
        Vector.Advance(bytes);
        SentBytes += bytes;
    }

    /// <summary>The next WRITE whose last byte has left; false where there is none.</summary>
    public bool TryTakeSent(out int slot)
    {
        bool has = _payloadFirst < _payloadEnd && _payloadEnds[_payloadFirst] <= SentBytes;
        slot = has ? _payloadSlots[_payloadFirst++] : -1;
        return has;
    }

    public void Dispose()
    {
        Vector.Dispose();
        _headers.Dispose();
    }

    private void AddHeaders()
    {
        Vector.Add(_headers.Slice(_runStart, _headerEnd - _runStart));
        _runStart = _headerEnd;
    }

    private void WriteHeader(Span<byte> header, NbdCommandFlags flags, NbdCommand command, ulong cookie, ulong offset, ulong length)
    {
        if (_form != ReplyForm.Extended)
        {
            Requests.WriteCompact(header, flags, command, cookie, offset, (uint)length);
            return;
        }

        // With extended headers the flag says that data follows, and a WRITE must have it.
        flags |= command == NbdCommand.Write ? NbdCommandFlags.PayloadLen : 0;
        Requests.WriteExtended(header, flags, command, cookie, offset, length);
    }
}
