using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// Holes in the answers to READs, through a server and our client: of what BLOCK_STATUS calls zeroes no bytes are sent where the client can be told so, and
/// what it puts together is what was written, whatever else.
/// </summary>
public sealed class SparseReadTests : IDisposable
{
    private const int DiskBytes = 1 << 20;
    private const ulong LeastHoleBytes = 4096;

    private readonly TempDir _folder = new();
    private UpstreamServer? _upstream;

    public static TheoryData<string, ReplyForm> StoresAndForms()
    {
        var cases = new TheoryData<string, ReplyForm>();
        foreach (string store in new[] { "memory:1M", "stats/offset:offset=1M/memory:2M", "file:FILE", "file-direct:FILE", "nbd:UPSTREAM" })
        {
            cases.Add(store, ReplyForm.Structured);
            cases.Add(store, ReplyForm.Extended);
        }

        cases.Add("memory:1M", ReplyForm.Simple);
        cases.Add("file:FILE", ReplyForm.Simple);
        return cases;
    }

    public void Dispose()
    {
        _upstream?.Dispose();
        _folder.Dispose();
    }

    [SkippableTheory]
    [MemberData(nameof(StoresAndForms))]
    public void What_is_told_as_a_hole_is_what_the_map_has(string store, ReplyForm form)
    {
        IBlock block = Make(store);
        using var session = new ReadSession(block, form);
        var random = new Random(5);
        byte[] model = new byte[DiskBytes];
        int unit = (int)session.Graph.Constraints.Minimum;
        int holes = 0;
        for (int step = 0; step < TestScale.Pick(150, 5000); step++)
        {
            int offset = random.Next(DiskBytes / unit) * unit;
            int most = Math.Min(DiskBytes - offset, random.Next(3) == 0 ? 400_000 : 20_000);
            int length = Math.Max(unit, (1 + random.Next(most)) / unit * unit);
            switch (random.Next(6))
            {
                case 0:
                    byte[] data = Wire.Data(step, length);
                    session.Write(offset, data);
                    data.CopyTo(model, offset);
                    break;
                case 1:
                    // Of what a TRIM leaves nothing is promised but that it can be read; these stores zero it.
                    session.Do(random.Next(2) == 0 ? NbdCommand.Trim : NbdCommand.WriteZeroes, offset, length);
                    model.AsSpan(offset, length).Clear();
                    break;
                default:
                    bool whole = form != ReplyForm.Simple && random.Next(4) == 0;
                    List<(ulong Offset, ulong Length)> expected = length < session.LeastRead ? [] : session.HolesOf(offset, length);
                    if (whole)
                    {
                        // In one chunk: data, or one hole where another server has told that.
                        bool isHole = store.StartsWith("nbd:", StringComparison.Ordinal) && expected is [var (_, only)] && only == (ulong)length;
                        expected = isHole ? expected : [];
                    }

                    byte[] answer = session.Read(offset, length, whole ? NbdCommandFlags.Df : 0);
                    Assert.True(answer.AsSpan().SequenceEqual(model.AsSpan(offset, length)), $"step {step}");
                    Assert.Equal(expected, session.ToldHoles);
                    holes += expected.Count;
                    break;
            }
        }

        Assert.Equal(form != ReplyForm.Simple, holes > 0);
    }

    [SkippableFact]
    public void What_others_write_into_a_hole_of_the_file_is_read()
    {
        using var session = new ReadSession(Make("file:FILE"), ReplyForm.Structured);
        session.Read(0, DiskBytes);
        Skip.If(session.ToldHoles.Count == 0, "the file system of the temporary folder tells of no holes");
        byte[] data = Wire.Data(1, 5000);
        using (FileStream other = new(_folder.File("disk"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            other.Position = 300_000;
            other.Write(data);
        }

        byte[] read = session.Read(262_144, 131_072);
        Assert.True(read.AsSpan(300_000 - 262_144, data.Length).SequenceEqual(data));
        Assert.Equal(2, session.ToldHoles.Count);

        // What is remembered as data reads as zeroes once somebody has punched it out.
        using (FileStream other = new(_folder.File("disk"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            other.SetLength(0);
            other.SetLength(DiskBytes);
        }

        Assert.False(session.Read(262_144, 131_072).AsSpan().ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Of_a_disk_that_is_torn_up_the_end_is_sent_as_data()
    {
        using var session = new ReadSession(new MemoryStore(DiskBytes), ReplyForm.Structured);
        for (int at = 0; at < DiskBytes; at += 8192)
        {
            session.Write(at, [1]);
        }

        byte[] read = session.Read(0, DiskBytes);
        Assert.Equal(32, session.ToldHoles.Count);
        byte[] expected = new byte[DiskBytes];
        for (int at = 0; at < DiskBytes; at += 8192)
        {
            expected[at] = 1;
        }

        Assert.True(expected.AsSpan().SequenceEqual(read));
    }

    private IBlock Make(string store)
    {
        string file = _folder.File("disk");
        if (store.Contains("FILE", StringComparison.Ordinal))
        {
            using FileStream disk = File.Create(file);
            disk.SetLength(DiskBytes);
        }
        else if (store.Contains("UPSTREAM", StringComparison.Ordinal))
        {
            _upstream = new UpstreamServer(new MemoryStore(DiskBytes));
        }

        try
        {
            string text = store.Replace("FILE", file, StringComparison.Ordinal).Replace("UPSTREAM", _upstream?.Uri, StringComparison.Ordinal);
            return BlockChain.Parse(text);
        }
        catch (BlockException e) when (store.StartsWith("file-direct", StringComparison.Ordinal))
        {
            throw new SkipException(e.Message);
        }
    }

    /// <summary>A server and a client of it on one loop, one request at a time.</summary>
    private sealed class ReadSession : IClientRequestHandler, IClientChunkHandler, INbdClientHandler, IDisposable
    {
        private readonly EventLoop _loop = new(LoopBackends.Create("epoll"));
        private readonly NativeBuffer _memory = new(DiskBytes, alignment: 4096);
        private readonly NbdServer _server;
        private readonly NbdClient _client;
        private readonly List<(ulong Length, bool IsZero)> _extents = [];
        private bool _done;
        private bool _closed;
        private int _error;

        public ReadSession(IBlock block, ReplyForm form)
        {
            Graph = new BlockGraph(block);
            _server = new NbdServer([new NbdExport("disk", Graph)], [_loop], new NbdServerOptions(), new ServerLog(_ => { }));
            (int fd, int peerFd) = Sockets.Pair();
            _server.Serve(new PlainTransport(_loop, fd, "client"));
            string[] contexts = form == ReplyForm.Simple ? [] : [MetaContext.Allocation];
            var options = new NbdClientOptions { ExportName = "disk", Replies = form, MetaContexts = contexts };
            _client = new NbdClient(new PlainTransport(_loop, peerFd, "server"), options, this);
            _client.Start();
            RunUntil(() => _client.IsReady);
            LeastRead = block switch
            {
                _ when form == ReplyForm.Simple => int.MaxValue,
                FileStore => 65536,
                _ => 4096,
            };
        }

        public BlockGraph Graph { get; }

        /// <summary>Bytes from which on a READ is told of holes.</summary>
        public int LeastRead { get; }

        /// <summary>Of the last READ.</summary>
        public List<(ulong Offset, ulong Length)> ToldHoles { get; } = [];

        public void Write(int offset, byte[] data)
        {
            data.CopyTo(_memory.Whole.Span);
            NativeSlice payload = _memory.Slice(0, data.Length);
            Submit(new ClientRequest(this) { Command = NbdCommand.Write, Offset = (ulong)offset, Length = (ulong)data.Length, Payload = payload });
        }

        public void Do(NbdCommand command, int offset, int length) =>
            Submit(new ClientRequest(this) { Command = command, Offset = (ulong)offset, Length = (ulong)length });

        public byte[] Read(int offset, int length, NbdCommandFlags flags = 0)
        {
            ToldHoles.Clear();
            _memory.Whole.Span.Fill(0xee);
            NativeSlice into = _memory.Slice(0, length);
            Submit(new ClientRequest(this)
            {
                Command = NbdCommand.Read,
                Flags = flags,
                Offset = (ulong)offset,
                Length = (ulong)length,
                Destination = into,
                Chunks = this,
            });
            return into.Span.ToArray();
        }

        /// <summary>Holes of a size that a chunk is worth, as BLOCK_STATUS has them.</summary>
        public List<(ulong Offset, ulong Length)> HolesOf(int offset, int length)
        {
            _extents.Clear();
            Submit(new ClientRequest(this) { Command = NbdCommand.BlockStatus, Offset = (ulong)offset, Length = (ulong)length, Chunks = this });
            List<(ulong, ulong)> holes = [];
            ulong at = (ulong)offset;
            foreach ((ulong bytes, bool isZero) in _extents)
            {
                if (isZero && bytes >= LeastHoleBytes)
                {
                    holes.Add((at, bytes));
                }

                at += bytes;
            }

            return holes;
        }

        void IClientRequestHandler.OnCompleted(ClientRequest request, int error) => (_done, _error) = (true, error);

        void IClientChunkHandler.OnHole(ClientRequest request, ulong offset, ulong length) => ToldHoles.Add((offset, length));

        void IClientChunkHandler.OnExtent(ClientRequest request, in MetaContext context, ulong length, ulong flags) => _extents.Add((length, (flags & 2) != 0));

        void INbdClientHandler.OnReady(NbdClient client)
        {
        }

        void INbdClientHandler.OnClosed(NbdClient client, int error, string reason) => _closed = true;

        public void Dispose()
        {
            _client.Disconnect();
            RunUntil(() => _closed && _server.Connections == 0);
            Assert.Equal(0, _server.Loops[0].Blocks.Buffers.InUse);
            _server.Loops[0].Dispose();
            _client.Dispose();
            Graph.Dispose();
            _memory.Dispose();
            _loop.Dispose();
        }

        private void Submit(ClientRequest request)
        {
            _done = false;
            _client.Submit(request);
            RunUntil(() => _done);
            Assert.Equal(0, _error);
        }

        private void RunUntil(Func<bool> condition)
        {
            while (!condition())
            {
                _loop.Post(static () => { });
                _loop.RunOnce();
            }
        }
    }
}
