using System.Buffers.Binary;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Takes apart what a connection receives, in whatever pieces it comes, and gives out whole replies: their chunks, or the one simple reply.</summary>
/// <param name="form">What was negotiated.</param>
/// <param name="lengthOf">For a simple reply, which does not say it: how many bytes of data follow where there is no error.</param>
internal sealed class EngineReplies(ReplyForm form, Func<ulong, int> lengthOf)
{
    private readonly Dictionary<ulong, List<WireChunk>> _begun = [];
    private byte[] _left = [];

    /// <summary>Bytes of a chunk whose rest has not come.</summary>
    public int LeftOver => _left.Length;

    /// <summary>Adds what has come; tells of each reply that it ends.</summary>
    /// <param name="received">The next bytes of the stream.</param>
    /// <param name="alter">What a seeded bug makes of each chunk; the chunk itself where there is none.</param>
    public List<List<WireChunk>> Add(byte[] received, Func<WireChunk, IEnumerable<WireChunk>> alter)
    {
        _left = [.. _left, .. received];
        var ended = new List<List<WireChunk>>();
        while (Take() is { } taken)
        {
            foreach (WireChunk chunk in alter(taken))
            {
                List<WireChunk> chunks = _begun.TryGetValue(chunk.Cookie, out List<WireChunk>? begun) ? begun : _begun[chunk.Cookie] = [];
                chunks.Add(chunk);
                if (chunk.IsDone)
                {
                    _begun.Remove(chunk.Cookie);
                    ended.Add(chunks);
                }
            }
        }

        return ended;
    }

    private WireChunk? Take()
    {
        if (_left.Length < 4)
        {
            return null;
        }

        uint magic = BinaryPrimitives.ReadUInt32BigEndian(_left);
        (int head, bool isSimple) = (magic, form) switch
        {
            (0x67446698, not ReplyForm.Extended) => (16, true),
            (0x668e33ef, ReplyForm.Structured) => (20, false),
            (0x6e8a278c, ReplyForm.Extended) => (32, false),
            _ => throw new EngineRuleBrokenException(EngineRule.WellFormed, $"a reply in {form} form begins with 0x{magic:x8}"),
        };
        if (_left.Length < head)
        {
            return null;
        }

        int length = head switch
        {
            16 => SimpleLength(),
            20 => (int)BinaryPrimitives.ReadUInt32BigEndian(_left.AsSpan(16)),
            _ => (int)BinaryPrimitives.ReadUInt64BigEndian(_left.AsSpan(24)),
        };
        if (length > EngineSetup.DiskBytes + 4096)
        {
            throw new EngineRuleBrokenException(EngineRule.WellFormed, $"a chunk announces {length} bytes");
        }

        return _left.Length < head + length ? null : Cut(head, length, isSimple);
    }

    private WireChunk Cut(int head, int length, bool isSimple)
    {
        ReadOnlySpan<byte> bytes = _left;
        ulong cookie = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        byte[] payload = bytes.Slice(head, length).ToArray();
        WireChunk chunk = isSimple
            ? new WireChunk(-1, 1, cookie, 0, payload, BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]))
            : new WireChunk(BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]), BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]), cookie,
                head == 32 ? BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]) : 0, payload, 0);
        _left = _left[(head + length)..];
        return chunk;
    }

    private int SimpleLength() =>
        BinaryPrimitives.ReadUInt32BigEndian(_left.AsSpan(4)) == 0 ? lengthOf(BinaryPrimitives.ReadUInt64BigEndian(_left.AsSpan(8))) : 0;
}
