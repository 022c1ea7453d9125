using System.Buffers.Binary;
using System.Net.Sockets;

namespace Harness.Tests;

/// <summary>What a faulty server does wrong now and then.</summary>
public enum ServerFault
{
    None,

    /// <summary>A write is acknowledged and never done.</summary>
    DropsWrites,

    /// <summary>A write is done again after the next one to the same place.</summary>
    DoublesWrites,

    /// <summary>A write is acknowledged at once and done only after the next one to the same place.</summary>
    ReordersWrites,

    /// <summary>A read is answered with another block's data.</summary>
    AnswersWithAStranger,

    /// <summary>In place of an answer it hangs up.</summary>
    HangsUp,
}

/// <summary>
/// A simple, blocking NBD server on a Unix socket, one thread per connection, that keeps its disk in memory and commits a chosen fault now and then.
/// </summary>
internal sealed class FaultyNbdServer : IDisposable
{
    private const uint Go = 7;
    private const uint Unsupported = 0x80000001;

    private readonly TempDir _folder = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Thread _accepting;
    private readonly List<Thread> _serving = [];
    private readonly byte[] _disk;
    private readonly ServerFault _fault;
    private readonly int _oneIn;
    private readonly Dictionary<ulong, byte[]> _held = [];
    private int _count;

    /// <param name="fault">What it does wrong.</param>
    /// <param name="oneIn">In one of how many writes, or reads.</param>
    /// <param name="diskBytes">Bytes of the export.</param>
    public FaultyNbdServer(ServerFault fault, int oneIn, int diskBytes)
    {
        _fault = fault;
        _oneIn = oneIn;
        _disk = new byte[diskBytes];
        _listener.Bind(new UnixDomainSocketEndPoint(_folder.File("s")));
        _listener.Listen(64);
        _accepting = new Thread(Accept) { IsBackground = true };
        _accepting.Start();
    }

    public string Uri => $"nbd+unix:///?socket={_folder.File("s")}";

    /// <summary>What has been written.</summary>
    public ReadOnlySpan<byte> Disk => _disk;

    /// <summary>How often it has been at fault.</summary>
    public int Faults { get; private set; }

    public void Dispose()
    {
        _listener.Dispose();
        _accepting.Join();
        _serving.ForEach(thread => thread.Join());
        _folder.Dispose();
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                Socket client = _listener.Accept();
                var thread = new Thread(() => Serve(client)) { IsBackground = true };
                _serving.Add(thread);
                thread.Start();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private void Serve(Socket client)
    {
        using var network = new NetworkStream(client, ownsSocket: true);
        var input = new BufferedStream(network, 1 << 16);
        var output = new BufferedStream(network, 1 << 16);
        try
        {
            Negotiate(network);
            byte[] header = new byte[28];
            while (true)
            {
                output.Flush();
                input.ReadExactly(header);
                if (BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(6)) == 2)
                {
                    return;
                }

                Answer(input, output, header);
            }
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // The client has gone.
        }
    }

    private void Negotiate(Stream stream)
    {
        stream.Write([.. "NBDMAGICIHAVEOPT"u8, 0, 3]);
        stream.ReadExactly(new byte[4]);
        uint option = ReadOption(stream);
        while (option != Go)
        {
            WriteOptionReply(stream, option, Unsupported, []);
            option = ReadOption(stream);
        }

        byte[] export = new byte[12];
        BinaryPrimitives.WriteUInt64BigEndian(export.AsSpan(2), (ulong)_disk.Length);
        // HAS_FLAGS and CAN_MULTI_CONN.
        BinaryPrimitives.WriteUInt16BigEndian(export.AsSpan(10), 0x101);
        WriteOptionReply(stream, Go, 3, export);
        WriteOptionReply(stream, Go, 1, []);
    }

    private static uint ReadOption(Stream stream)
    {
        byte[] option = new byte[16];
        stream.ReadExactly(option);
        stream.ReadExactly(new byte[BinaryPrimitives.ReadUInt32BigEndian(option.AsSpan(12))]);
        return BinaryPrimitives.ReadUInt32BigEndian(option.AsSpan(8));
    }

    private static void WriteOptionReply(Stream stream, uint option, uint type, byte[] data)
    {
        byte[] reply = new byte[20];
        BinaryPrimitives.WriteUInt64BigEndian(reply, 0x0003e889045565a9);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(8), option);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(12), type);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(16), (uint)data.Length);
        stream.Write([.. reply, .. data]);
    }

    private void Answer(Stream input, Stream output, byte[] header)
    {
        bool isWrite = BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(6)) == 1;
        ulong offset = BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(16));
        byte[] data = new byte[BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(24))];
        if (isWrite)
        {
            input.ReadExactly(data);
        }

        lock (_disk)
        {
            if (isWrite)
            {
                Write(offset, data);
            }
            else
            {
                Read(offset, data);
            }
        }

        if (_fault == ServerFault.HangsUp && IsDue())
        {
            throw new IOException("hangs up");
        }

        byte[] reply = new byte[16];
        BinaryPrimitives.WriteUInt32BigEndian(reply, 0x67446698);
        header.AsSpan(8, 8).CopyTo(reply.AsSpan(8));
        output.Write(reply);
        output.Write(isWrite ? [] : data);
    }

    private void Write(ulong offset, byte[] data)
    {
        bool faulty = _fault is not (ServerFault.None or ServerFault.AnswersWithAStranger or ServerFault.HangsUp) && IsDue();
        if (_held.Remove(offset, out byte[]? earlier))
        {
            // The newer write first, then the older one: that is the fault.
            data.CopyTo(_disk, (long)offset);
            earlier.CopyTo(_disk, (long)offset);
            Faults++;
        }
        else if (!faulty)
        {
            data.CopyTo(_disk, (long)offset);
        }
        else if (_fault == ServerFault.DropsWrites)
        {
            Faults++;
        }
        else
        {
            _held[offset] = data;
            if (_fault == ServerFault.DoublesWrites)
            {
                data.CopyTo(_disk, (long)offset);
            }
        }
    }

    private void Read(ulong offset, byte[] data)
    {
        if (_fault == ServerFault.AnswersWithAStranger && IsDue())
        {
            offset = offset >= (ulong)data.Length ? offset - (ulong)data.Length : offset + (ulong)data.Length;
            Faults++;
        }

        _disk.AsSpan((int)offset, data.Length).CopyTo(data);
    }

    private bool IsDue() => ++_count % _oneIn == 0;
}
